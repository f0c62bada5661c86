"""One call per address: `python -m bench.push_single DATABASE URL ADDRESSES`.

Two ways: `httpx.post` for each, and one kept-alive client for all of them. Prints items per second.
"""

import json
import sys
import time
from collections.abc import Callable

import duckdb
import httpx


def main(arguments: list[str]) -> None:
    """Prints the rates, and how many addresses each way sent."""
    database, url, addresses = arguments
    wanted = int(addresses)
    with duckdb.connect(database, read_only=True) as connection:
        found = connection.execute(
            "select address from sync_deltas where destination = 'sendgrid' limit ?", [wanted]
        ).fetchall()
    emails = [str(address) for (address,) in found]
    path = f"{url}/v3/asm/suppressions/global"

    def rate(post: Callable[..., httpx.Response], sample: list[str]) -> float:
        began = time.perf_counter()
        for email in sample:
            post(path, json={"recipient_emails": [email]}).raise_for_status()
        return len(sample) / (time.perf_counter() - began)

    # A client, and a TLS context, for each call: tens of calls a second.
    few = emails[: max(len(emails) // 20, 1)]
    alone = rate(httpx.post, few)
    with httpx.Client() as client:
        kept_alive = rate(client.post, emails)
    print(
        json.dumps(
            {
                "post_per_second": alone,
                "post_items": len(few),
                "client_per_second": kept_alive,
                "client_items": len(emails),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
