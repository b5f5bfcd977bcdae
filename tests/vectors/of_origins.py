"""Origins in their one spelling, and the addresses that people type for an instance."""

from tests.vectors.fixed import Case, bad, good

LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])
"""A host name of 253 characters."""


def origins() -> list[Case]:
    return [
        good("name", "a host name", origin="find.example.org/log"),
        good("two-labels", "the shortest kind of name", origin="f.example/log"),
        good("a-label", "a name beyond ASCII, as it is registered", origin="xn--bcher-kva.example/log"),
        good("hyphens", "hyphens within labels, and digits first", origin="3-a--b.example/log"),
        good("longest", "a host of 253 characters", origin=f"{LONGEST}/log"),
        good("local", "a log that is tried out", origin="localhost/log"),
        good("below-local", "a log that was invented", origin="demo.localhost/log"),
        bad("no-suffix", "the host alone", origin="find.example.org"),
        bad("no-host", "the suffix alone", origin="/log"),
        bad("other-suffix", "another path", origin="find.example.org/witness"),
        bad("longer-path", "a path before the suffix", origin="find.example.org/a/log"),
        bad("slash", "a slash at the end", origin="find.example.org/log/"),
        bad("scheme", "an address, not a name", origin="https://find.example.org/log"),
        bad("upper-case", "another spelling of the same host", origin="Find.Example.org/log"),
        bad("port", "a host has one log, whatever the port", origin="find.example.org:8443/log"),
        bad("default-port", "another spelling of the same host", origin="find.example.org:443/log"),
        bad("dot", "another spelling of the same host", origin="find.example.org./log"),
        bad("empty-label", "an empty label", origin="find..example/log"),
        bad("u-label", "a name that is not written as A-labels", origin="bücher.example/log"),
        bad("underscore", "a character that no host has", origin="find_me.example/log"),
        bad("edge-hyphen", "a label that ends in a hyphen", origin="find-.example/log"),
        bad("long-label", "a label of 64 characters", origin=f"{'a' * 64}.example/log"),
        bad("too-long", "a host of 254 characters", origin=f"{LONGEST}b/log"),
        bad("one-label", "a name that each network resolves as it likes", origin="intranet/log"),
        bad("ipv4", "a numeric address", origin="192.0.2.1/log"),
        bad("ipv4-short", "a name that some resolver takes for an address", origin="find.0x7f/log"),
        bad("ipv6", "a numeric address", origin="[2001:db8::1]/log"),
        bad("user", "a user", origin="ada@find.example/log"),
        bad("space", "a space at the end", origin="find.example /log"),
        bad("newline", "a newline within", origin="find.\nexample/log"),
    ]


def addresses() -> list[Case]:
    plain = "find.example/log"
    return [
        good("plain", "host and scheme", address="https://find.example", origin=plain),
        good("slash", "the root path", address="https://find.example/", origin=plain),
        good("upper-case", "host and scheme in any case", address="HTTPS://Find.Example", origin=plain),
        good("default-port", "the port of the scheme", address="https://find.example:443", origin=plain),
        good("empty-port", "a colon alone", address="https://find.example:", origin=plain),
        good(
            "http", "the log does not change with the scheme", address="http://find.example:80", origin=plain
        ),
        good("dot", "the root of the names", address="https://find.example.", origin=plain),
        good("idn", "U-labels", address="https://Bücher.Example", origin="xn--bcher-kva.example/log"),
        good(
            "a-label", "A-labels", address="https://xn--BCHER-kva.example", origin="xn--bcher-kva.example/log"
        ),
        good(
            "wide", "a full stop and letters that UTS 46 maps", address="https://ｆind。example", origin=plain
        ),
        good("local", "no public address", address="http://localhost:8000", origin="localhost/log"),
        good(
            "below-local",
            "one of several that are tried out on one machine",
            address="http://a.localhost:8000",
            origin="a.localhost/log",
        ),
        good("loopback", "no public address", address="http://127.0.0.1:8000", origin="localhost/log"),
        good("loopback-6", "no public address", address="http://[::1]:8000", origin="localhost/log"),
        bad("port", "another port: peers ask 443", address="https://find.example:8443"),
        bad("port-0", "a port that nothing listens on", address="https://find.example:0"),
        bad("port-large", "a port beyond 65535", address="https://find.example:99999"),
        bad("path", "a path", address="https://find.example/a"),
        bad("slashes", "two slashes", address="https://find.example//"),
        bad("query", "a query", address="https://find.example?a=b"),
        bad("empty-query", "a question mark alone", address="https://find.example/?"),
        bad("fragment", "a fragment", address="https://find.example/#a"),
        bad("user", "a user", address="https://find.example@evil.example"),
        bad("empty-user", "an empty user", address="https://@find.example"),
        bad("ipv6", "a numeric address", address="https://[2001:db8::1]"),
        bad("ipv4", "a numeric address", address="https://192.0.2.1"),
        bad("ipv4-short", "a name that some resolver takes for 127.0.0.1", address="https://127.1"),
        bad("any", "the address of no machine", address="https://0.0.0.0"),
        bad("one-label", "a name that each network resolves as it likes", address="https://intranet"),
        bad("no-scheme", "a name alone", address="find.example"),
        bad("other-scheme", "another scheme", address="ftp://find.example"),
        bad("no-host", "no host", address="https://"),
        bad("backslash", "browsers read it as a slash", address="https://find.example\\@evil.example"),
        bad("newline", "some parsers drop it", address="https://find.exam\nple"),
        bad("space", "a space at the end", address="https://find.example "),
        bad("percent", "an escape in the host", address="https://find%2eexample"),
        bad("underscore", "a character that no host has", address="https://find_me.example"),
        bad("false-a-label", "an A-label of nothing", address="https://xn--a.example"),
        bad("symbol", "a character that IDNA 2008 does not allow", address="https://☃.example"),
        bad("bracket", "half an IPv6 address", address="https://[find.example"),
        bad("slash-like", "a character that NFKC makes a slash of", address="https://find.example℀b"),
    ]
