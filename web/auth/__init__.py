"""Who is at the browser: cookies, the token in forms, the way to a network and back."""
