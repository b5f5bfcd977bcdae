"""Shows `/metrics` over all processes of an instance."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from deploy.metrics_server import serving_text
from deploy.wiring.jobs import build_gauges
from deploy.wiring.members import MemberParts
from deploy.workers.counts import Sum, decode_counts, encode_counts
from deploy.workers.supervisor import Supervisor
from directory.jobs.gauges import JobGauges
from directory.jobs.worker import Worker
from directory.store.replicas import Replica
from web.api.metrics import metrics_text, own_families

ASK_WITHIN_S: Final = 1.0


def serving_summed(
    supervisor: Supervisor, members: MemberParts, worker: Worker
) -> AbstractAsyncContextManager[None]:
    """Serves them until the block ends."""
    jobs = build_gauges(members, worker)
    return serving_text(
        members.ground.settings, partial(summed_text, supervisor, jobs, members.ground.databases.replicas)
    )


async def summed_text(supervisor: Supervisor, jobs: JobGauges | None, replicas: Sequence[Replica]) -> bytes:
    """Returns the metrics of this process and of all web processes; of one that does not answer, the last that it told."""
    await asyncio.gather(*(each.tell_counts(ASK_WITHIN_S) for each in supervisor.processes.values()))
    # Added at one moment: who has ended meanwhile is among the ended, and no more among the others.
    processes = list(supervisor.processes.values())
    total = Sum()
    total.add(decode_counts(encode_counts(own_families(replicas))))
    total.add(supervisor.ended.families())
    for process in processes:
        total.add(process.counts)
    serving = GaugeMetricFamily(
        "passerelle_web_processes", "Web processes that serve.", sum(each.is_up for each in processes)
    )
    ends = CounterMetricFamily(
        "passerelle_web_process_ends", "Web processes that ended, and were started again.", supervisor.ends
    )
    return await metrics_text(jobs, [*total.metrics(), serving, ends])
