"""A command that misses a package names the extra that brings it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sync.destinations import fcm
from sync.docs import PROJECT
from sync.errors import ConfigError

GONE = """
import sys

class Gone:
    def find_spec(name, *_):
        if (name + ".").startswith("{package}."):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Gone)
"""


def run_without(
    package: str, directory: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`contact-sync` where importing the package fails, as it does where it is not installed."""
    (directory / "sitecustomize.py").write_text(GONE.format(package=package))
    (directory / "profiles.yml").write_text((PROJECT / "profiles.example.yml").read_text())
    (directory / "a.csv").write_text("email\n")
    return subprocess.run(
        [sys.executable, "-m", "sync", *arguments],
        cwd=directory,
        env={
            **os.environ,
            "CONTACT_SYNC_ALERT_URLS": "json://127.0.0.1",
            "PYTHONPATH": os.pathsep.join([str(directory), str(PROJECT)]),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("starlette", "demo", "sandbox"),
        ("uvicorn", "demo", "sandbox"),
        ("google.auth", "demo --days 3", "sandbox,fcm,ses"),
        ("botocore", "demo --days 3", "sandbox,fcm,ses"),
        ("cryptography", "sandbox --port 0", "sandbox"),
        ("starlette", "receive --port 0", "receiver"),
        ("google.cloud", "receive --port 0 --target bigquery", "bigquery"),
        ("httptools", f"run --port 0 --project-dir {PROJECT}", "receiver"),
        (
            "google.cloud",
            f"run --no-receiver --project-dir {PROJECT} --target bigquery",
            "bigquery",
        ),
        ("google.cloud", "build --target bigquery", "bigquery"),
        ("numpy", "backfill a.csv --dry-run", "backfill"),
        ("vl_convert", "report", "report"),
        ("apprise", "alert", "alert"),
    ],
)
def test_a_command_names_the_extra_it_needs(
    package: str, arguments: str, extra: str, tmp_path: Path
) -> None:
    done = run_without(package, tmp_path, *arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert f"pip install 'contact-sync[{extra}]'" in done.stderr
    assert f"({package}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_command_does_its_own_work_where_the_extra_of_metrics_is_missing(tmp_path: Path) -> None:
    place = "OTEL_EXPORTER_OTLP_ENDPOINT"
    done = run_without("opentelemetry.exporter", tmp_path, "alert", **{place: "http://127.0.0.1:9"})
    first, *rest = done.stderr.splitlines()
    assert first == (
        f"Warning: {place} needs an extra (opentelemetry.exporter cannot be imported): "
        "pip install 'contact-sync[metrics]', or `make setup` in a checkout"
    )
    plain = run_without("opentelemetry.exporter", tmp_path, "alert")
    assert (done.returncode, rest) == (plain.returncode, plain.stderr.splitlines())
    assert "contact_sync.duckdb" in plain.stderr


@pytest.mark.parametrize("package", ["google.auth", "cryptography"])
def test_fcm_names_the_extra_it_needs(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'contact-sync\[fcm\]'"):
        fcm._assertion({"client_email": "a@example.com", "private_key": "-"})
