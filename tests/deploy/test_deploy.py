"""The examples of deploy/ hold together: every name, file, port, version and option in them is there."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.temporal_server import VERSION
from trellis.cli.serving import graphs_in
from trellis.cli.worker import command as worker

pytestmark = pytest.mark.covers("GT12")
ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def documents(name: str) -> list[Any]:
    return list(YAML(typ="safe").load_all((DEPLOY / name).read_text("utf-8")))


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    (model,) = documents("compose.yaml")
    return dict(model["services"])


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    """What the example for Kubernetes makes, by kind."""
    return {document["kind"]: document for document in documents("kubernetes/worker.yaml")}


def container(cluster: dict[str, Any]) -> Any:
    return cluster["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def option(args: list[str], name: str) -> str:
    return next(arg.removeprefix(f"--{name}=") for arg in args if arg.startswith(f"--{name}="))


def compose() -> list[str]:
    """Docker Compose 2, as the plugin of Docker or as a program of its own; empty where there is neither."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            told = subprocess.run([*command, "version"], capture_output=True, text=True, timeout=60)
            if (
                told.returncode == 0 and "Docker Compose version" in told.stdout
            ):  # the old 1 calls itself docker-compose
                return command
    return []


def test_compose_takes_the_file() -> None:
    command = compose()
    if not command:
        pytest.skip("no Docker Compose")
    command += ["-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_file_that_a_service_mounts_is_there(services: dict[str, Any]) -> None:
    (model,) = documents("compose.yaml")
    mounts = [mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])]
    files = [mount for mount in mounts if mount.startswith(".")]
    assert len(files) >= 5
    assert [file for file in files if not (DEPLOY / file).exists()] == []
    assert {mount for mount in mounts if not mount.startswith(".")} == set(model["volumes"])


def test_a_service_waits_for_one_that_can_be_as_it_says(services: dict[str, Any]) -> None:
    waits = {
        (name, other, how["condition"])
        for name, service in services.items()
        for other, how in service.get("depends_on", {}).items()
    }
    assert waits == {
        ("temporal-schema", "postgresql", "service_healthy"),
        ("temporal", "temporal-schema", "service_completed_successfully"),
        ("temporal-namespace", "temporal", "service_healthy"),
        ("temporal-ui", "temporal", "service_healthy"),
        ("worker", "temporal-namespace", "service_completed_successfully"),
    }
    healthy = {other for _, other, condition in waits if condition == "service_healthy"}
    assert [name for name in healthy if "healthcheck" not in services[name]] == []
    ending = {other for _, other, condition in waits if condition == "service_completed_successfully"}
    assert [name for name in ending if not services[name]["restart"].startswith("on-failure")] == []


def test_every_image_has_a_version_and_the_server_is_of_the_minor_version_of_the_tests(
    services: dict[str, Any],
) -> None:
    images = {name: service["image"] for name, service in services.items() if "build" not in service}
    assert [image for image in images.values() if not re.fullmatch(r"[a-z/-]+:v?\d+(\.\d+\.\d+)?", image)] == []
    (version,) = {images[name].split(":")[1] for name in ("temporal", "temporal-schema", "temporal-namespace")}
    assert version.rpartition(".")[0] == VERSION.removeprefix("v").rpartition(".")[0]


def test_no_port_is_open_to_another_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_prometheus_asks_where_the_server_and_the_workers_tell(services: dict[str, Any]) -> None:
    (asked,) = documents("prometheus.yaml")
    server, workers = asked["scrape_configs"]
    assert server["static_configs"] == [
        {"targets": [f"temporal:{services['temporal']['environment']['PROMETHEUS_ENDPOINT'].split(':')[1]}"]}
    ]
    (found,) = workers["dns_sd_configs"]
    assert found["names"] == ["worker"]
    assert option(services["worker"]["command"], "metrics") == f"0.0.0.0:{found['port']}"


def test_the_workers_are_started_with_options_and_graphs_that_there_are(
    services: dict[str, Any], cluster: dict[str, Any]
) -> None:
    commands = [services["worker"]["command"], container(cluster)["args"]]
    contexts = []
    for name, *rest in commands:
        assert name == worker.name
        contexts.append(worker.make_context(name, rest))  # raises where it does not take them
    given = contexts[0].params
    graphs = graphs_in([str(ROOT / file) for file in given["files"]], given["allow"])  # raises where one may not run
    assert [graph.name for graph in graphs] == ["hello", "agents"]


def test_the_image_is_built_of_files_and_extras_that_there_are() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    sources = [
        word for line in lines if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]
    ]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert sources == [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    (extras,) = re.findall(r"'\.\[(.+)\]'", "\n".join(lines))
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert [extra for extra in extras.split(",") if extra not in known] == []


def test_the_pods_are_those_that_the_rest_of_the_file_means(cluster: dict[str, Any]) -> None:
    deployment = cluster["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert cluster["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    (port,) = container(cluster)["ports"]
    assert option(container(cluster)["args"], "metrics") == f"0.0.0.0:{port['containerPort']}"
    assert deployment["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])


def test_whoever_stops_a_worker_waits_longer_than_its_calls_may_go_on(
    services: dict[str, Any], cluster: dict[str, Any]
) -> None:
    from trellis.hosts.temporal.worker import DRAIN_S

    assert float(services["worker"]["stop_grace_period"].removesuffix("s")) > DRAIN_S
    assert cluster["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_S


@pytest.mark.parametrize("script", sorted((DEPLOY / "temporal").glob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_one_that_a_plain_shell_reads(script: Path) -> None:
    done = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stderr) == (0, "")
