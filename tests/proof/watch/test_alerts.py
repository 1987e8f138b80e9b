"""The example rules for Prometheus, with what the watch writes; promtool tries them where it is installed."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.paths import ROOT
from proof import process
from proof.watch import metrics
from proof.watch.memory import Criterion, Look, Memory, Result

RULES = ROOT / "docs/watching-alerts.yml"
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
PLACE = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
LABELS = {"host": "vultr", "task": "1.2.3", "criterion": "Root is locked out"}

promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (apt install prometheus)")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The metrics of a host of which everything is known."""
    measured = {"backup_verification_age_seconds": 3600.0, "newest_backup_age_seconds": 60.0}
    result = Result("2.1.3", "Backups restore", red=False, measured=measured)
    memory = Memory(
        criteria={"1.2.3 Root is locked out": Criterion(red=True, since=NOW, proved=NOW)}, tried=NOW, looked=NOW
    )
    path = tmp_path / "mail_lab.prom"
    metrics.write(path, "vultr", memory, Look(NOW, [result]), seconds=61.0, changes={"files": 2})
    return path


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_each_rule_asks_for_what_the_watch_writes(written: Path) -> None:
    names = {line.partition("{")[0] for line in written.read_text().splitlines() if not line.startswith("#")}
    asked = {name for rule in rules() for name in re.findall(rf"{metrics.PREFIX}_\w+", rule["expr"])}
    assert asked
    assert asked <= names


def run_promtool(*arguments: str | Path, stdin: bytes = b"") -> None:
    done = process.run(["promtool", *map(str, arguments)], stdin=stdin, timeout=60)
    assert done.exit_status == 0, done


@promtool
def test_prometheus_reads_rules_and_metrics(written: Path) -> None:
    run_promtool("check", "rules", RULES)
    run_promtool("check", "metrics", stdin=written.read_bytes())


# Alert, the series that it looks at, its values a minute apart, and from when on it must fire, in minutes.
CASES = [
    ("MailHostCriterionRed", "mail_lab_criterion_green", "1x10 0x600", 11),
    ("MailHostNotSeen", "mail_lab_host_seen", "1x10 0x600", 41),
    ("MailWatchSilent", "mail_lab_last_attempt_timestamp_seconds", "600x600", 10 + 180 + 1),
    ("MailBackupsNotVerified", "mail_lab_backup_verification_age_seconds", f"{86400 * 8 - 600}+60x600", 131),
]


@promtool
@pytest.mark.parametrize(("alert", "series", "values", "fires"), CASES)
def test_an_alert_fires_when_it_should(tmp_path: Path, alert: str, series: str, values: str, fires: int) -> None:
    (rule,) = (rule for rule in rules() if rule["alert"] == alert)
    words = {name: PLACE.sub(lambda label: LABELS[label[1]], text) for name, text in rule["annotations"].items()}
    told = {"exp_labels": {**LABELS, **rule["labels"]}, "exp_annotations": words}
    tests = [
        {"alertname": alert, "eval_time": f"{minute}m", "exp_alerts": expected}
        for minute, expected in ((fires - 1, []), (fires, [told]))
    ]
    labels = ", ".join(f'{name}="{value}"' for name, value in LABELS.items())
    unit = {"interval": "1m", "input_series": [{"series": f"{series}{{{labels}}}", "values": values}]}
    described = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{**unit, "alert_rule_test": tests}],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(described))
    run_promtool("test", "rules", tmp_path / "tests.yml")


def test_every_alert_is_tried() -> None:
    assert [rule["alert"] for rule in rules()] == [alert for alert, *_ in CASES]
