"""The demonstration: `contact-sync demo`, and the generator of landed deliveries behind it."""

from pathlib import Path

from sync.extras import needs


def run(*, events: int, directory: Path, seed: int, keep: bool, days: int = 2) -> int:
    """Shows the whole loop on this machine, with made-up data and a sandbox of the platform.

    Two `days` with one platform pushed to; on a third all others are connected.
    Works in `directory` (emptied first, if a demonstration made it) and nowhere else. Returns 0 if
    the sandbox's list was equal to the mart's after each push, else 1. With `keep` the sandbox
    stays until Ctrl-C. Raises SyncError where a command does not succeed, ConfigError where a
    package of it is not installed.
    """
    # Late: `contact-sync --help` must not wait for these.
    with needs("The demo", "sandbox"):
        # The sandbox is a process of its own, which needs these two.
        import cryptography  # noqa: F401
        import uvicorn  # noqa: F401

        from sync.demo.tour import Tour, make_console
        from sync.demo.workspace import Workspace
    if days > 2:
        with needs("The demo's third day, which pushes to FCM and Amazon SES,", "sandbox,fcm,ses"):
            import botocore.auth  # noqa: F401
            import google.auth  # noqa: F401

    tour = Tour(Workspace(directory), make_console(), days=days)
    return tour.run(events=events, seed=seed, keep=keep)
