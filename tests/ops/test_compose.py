"""compose.yaml, the file for GPUs and the image, checked by Compose itself; it needs no engine for that."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
COMPOSE = Path(sys.executable).with_name("docker-compose")
DOCKERFILE = (ROOT / "ops" / "Dockerfile").read_text()


def compose_config(*more_files: str, profile: str = "*", **environment: str) -> dict[str, Any]:
    """The files as Compose understands them, with nothing in the environment but what is given."""
    files = [part for file in ("compose.yaml", *more_files) for part in ("--file", file)]
    done = subprocess.run(
        [COMPOSE, *files, "--profile", profile, "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": "/nonexistent", "COMPOSE_DISABLE_ENV_FILE": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    config: dict[str, Any] = json.loads(done.stdout)
    return config


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose_config()["services"]
    return found


def test_a_trial_needs_nothing_from_the_environment(services: dict[str, Any]) -> None:
    assert set(services) == {"valkey", "store", "worker", "producer"}
    for name in ("worker", "producer"):
        assert all(services[name]["environment"].values())


def test_keys_from_the_environment_reach_the_store_and_its_clients_and_no_trial_key_is_left() -> None:
    config = compose_config(AWS_ACCESS_KEY_ID="someone", AWS_SECRET_ACCESS_KEY="hush")
    for name in ("store", "worker", "producer"):
        environment = config["services"][name]["environment"]
        assert environment["AWS_ACCESS_KEY_ID"] == "someone"
        assert environment["AWS_SECRET_ACCESS_KEY"] == "hush"
    assert "trial-only" not in json.dumps(config)


@pytest.mark.parametrize("name", ["BYDAWN_BROKER_URL", "BYDAWN_STORE", "BYDAWN_MODEL"])
def test_a_setting_in_the_environment_wins_for_worker_and_producer_alike(name: str) -> None:
    config = compose_config(**{name: "mine"})
    assert {config["services"][service]["environment"][name] for service in ("worker", "producer")} == {
        "mine"
    }


def test_the_store_makes_the_bucket_that_the_worker_is_told_to_use(services: dict[str, Any]) -> None:
    bucket = services["worker"]["environment"]["BYDAWN_STORE"].removeprefix("s3://").split("/")[0]
    assert f"-bucket={bucket}" in services["store"]["command"]


def test_nothing_is_published_outside_the_network_of_the_services(services: dict[str, Any]) -> None:
    assert not any(service.get("ports") for service in services.values())


def test_what_others_made_is_named_by_version(services: dict[str, Any]) -> None:
    others = {name: service["image"] for name, service in services.items() if "build" not in service}
    tags = {name: image.partition(":")[2] for name, image in others.items()}
    assert set(tags) == {"valkey", "store"}
    assert all(re.match(r"\d+\.\d+", tag) for tag in tags.values()), tags


def test_the_worker_starts_after_healthy_servers_and_has_time_to_drain(services: dict[str, Any]) -> None:
    waits_for = services["worker"]["depends_on"]
    assert {name: how["condition"] for name, how in waits_for.items()} == {
        "valkey": "service_healthy",
        "store": "service_healthy",
    }
    assert services["worker"]["stop_grace_period"] == "2m0s"
    assert all(services[name]["healthcheck"]["test"] for name in ("valkey", "store", "worker"))


def test_queue_store_and_models_outlive_their_containers(services: dict[str, Any]) -> None:
    kept = {name: [v["source"] for v in services[name]["volumes"]] for name in ("valkey", "store", "worker")}
    assert kept == {"valkey": ["valkey"], "store": ["store"], "worker": ["models"]}
    assert services["valkey"]["command"][1:3] == ["--appendonly", "yes"]


GPU_FILE = "ops/compose.gpu.yaml"
GPU_WORKERS = [f"gpu{number}" for number in range(8)]


@pytest.fixture(scope="module")
def gpu_services() -> dict[str, Any]:
    found: dict[str, Any] = compose_config(GPU_FILE, profile="none")["services"]
    return found


def test_a_host_with_eight_gpus_has_a_worker_for_each_and_none_on_the_cpu(
    gpu_services: dict[str, Any],
) -> None:
    assert set(gpu_services) == {"valkey", "store", *GPU_WORKERS}
    devices = [gpu_services[name]["deploy"]["resources"]["reservations"]["devices"] for name in GPU_WORKERS]
    assert devices == [
        [{"driver": "nvidia", "device_ids": [str(number)], "capabilities": ["gpu"]}] for number in range(8)
    ]
    assert {gpu_services[name]["environment"]["BYDAWN_DEVICE"] for name in GPU_WORKERS} == {"cuda:0"}


def test_a_worker_on_a_gpu_is_the_other_one_in_all_but_its_device_and_its_image(
    services: dict[str, Any], gpu_services: dict[str, Any]
) -> None:
    for name in GPU_WORKERS:
        its_own = {"build", "deploy", "environment", "image"}
        alike = {key: value for key, value in gpu_services[name].items() if key not in its_own}
        assert alike == {key: value for key, value in services["worker"].items() if key not in its_own}
        environment = gpu_services[name]["environment"]
        assert environment.items() >= services["worker"]["environment"].items()
        assert environment.keys() - services["worker"]["environment"] == {"BYDAWN_DEVICE", "TRITON_CACHE_DIR"}


def test_compiled_kernels_are_kept_in_a_volume_that_the_workers_share(gpu_services: dict[str, Any]) -> None:
    for name in GPU_WORKERS:
        (volume,) = gpu_services[name]["volumes"]
        assert volume["source"] == "models"
        assert gpu_services[name]["environment"]["TRITON_CACHE_DIR"].startswith(volume["target"] + "/")


def test_the_image_for_gpus_has_torch_with_cuda_whatever_index_the_environment_names(
    services: dict[str, Any],
) -> None:
    config = compose_config(GPU_FILE, PIP_EXTRA_INDEX_URL="https://cpu.example/simple")["services"]
    assert config["worker"]["build"]["args"] == {"PIP_EXTRA_INDEX_URL": "https://cpu.example/simple"}
    for name in GPU_WORKERS:
        assert config[name]["image"] != services["worker"]["image"]
        arguments = config[name]["build"]["args"]
        assert arguments == {"PIP_EXTRA_INDEX_URL": "", "APT_PACKAGES": "gcc libc6-dev"}
        assert all(f"\nARG {argument}\n" in DOCKERFILE for argument in arguments)


def test_the_image_runs_the_command_itself_and_not_as_root() -> None:
    last = {line.split()[0]: line for line in DOCKERFILE.splitlines() if line[:1].isupper()}
    assert last["ENTRYPOINT"] == 'ENTRYPOINT ["bydawn"]'
    assert last["USER"] not in {"USER root", "USER 0"}


def test_the_image_gets_every_package_and_its_build_context_holds_all_that_it_copies() -> None:
    copied = {
        source
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    }
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert copied >= set(pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / path).exists() for path in allowed)
