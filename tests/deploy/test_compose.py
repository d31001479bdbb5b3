"""The compose files as they are written: order, cages, limits, secrets and the time to end."""

import subprocess
from pathlib import Path

import pytest
import yaml
from composed import ROOT, Service, in_order, read_services, read_variables, seconds

from ct_ac_sync.settings import VARIABLES, read_settings

DOCKER = ROOT / "docker"
EXAMPLE = read_variables(DOCKER / "example.env")
SERVICES = read_services(EXAMPLE, "compose.yaml")
DEMO = read_services(read_variables(DOCKER / "demo.env"), "compose.yaml", "compose.demo.yaml")
OURS = ("migrate", "worker-1", "worker-2", "beat", "flower")

every_service = pytest.mark.parametrize("service", DEMO.values(), ids=list(DEMO))


class TestEveryService:
    @every_service
    def test_is_caged(self, service: Service):
        """Nothing can write to its root file system, keep a capability or gain one."""
        assert service.given["read_only"] is True
        assert service.given["cap_drop"] == ["ALL"]
        assert service.given["security_opt"] == ["no-new-privileges:true"]

    @every_service
    def test_is_limited(self, service: Service):
        """Memory, processors, processes and logs have limits."""
        limits = service.given["deploy"]["resources"]["limits"]

        assert set(limits) == {"cpus", "memory", "pids"}
        assert set(service.given["logging"]["options"]) == {"max-size", "max-file"}

    @every_service
    def test_says_how_it_is_or_ends_by_itself(self, service: Service):
        """A service that stays has a healthcheck and is started again; one that ends has neither."""
        is_staying = service.is_restarted

        assert is_staying is bool(service.healthcheck)
        assert is_staying is (service.name not in ("migrate", "life"))


class TestOrder:
    def test_servers_then_migrate_then_the_rest(self):
        """Workers, beat and Flower start after the migration has ended well, and it after Postgres is healthy."""
        order = list(in_order(SERVICES))

        assert order[:3] == ["postgres", "redis", "migrate"]
        assert SERVICES["migrate"].conditions == {"postgres": "service_healthy"}
        for name in ("worker-1", "worker-2", "beat", "flower"):
            assert SERVICES[name].conditions == {
                "postgres": "service_healthy",
                "redis": "service_healthy",
                "migrate": "service_completed_successfully",
            }

    def test_a_worker_is_given_longer_than_its_longest_task(self):
        """The time to end exceeds the hard limit of a task, and the signal is the one that finishes."""
        hard = float(VARIABLES["hard"].default or 0)

        for name in ("worker-1", "worker-2", "beat", "flower"):
            assert SERVICES[name].grace > hard
            assert SERVICES[name].given["stop_signal"] == "SIGTERM"


class TestSecrets:
    @pytest.mark.parametrize("name", OURS)
    def test_no_secret_stands_in_the_environment(self, name: str):
        """Each variable that is a secret is given as a file, and the file is mounted."""
        service = SERVICES[name]
        secret = {v.name for v in VARIABLES.values() if v.is_secret}
        files = {k: Path(v).name for k, v in service.environment.items() if k.endswith("_FILE")}

        assert {k.removesuffix("_FILE") for k in files} == secret
        assert not secret & set(service.environment)
        assert set(files.values()) <= set(service.given["secrets"])

    @pytest.mark.parametrize("name", OURS)
    def test_the_environment_is_complete(self, name: str, tmp_path: Path):
        """The settings read all they need from what compose gives."""
        values = {
            "DATABASE_URL": "postgresql://postgres/x", "REDIS_URL": "redis://redis/0", "AC_EVENT_KEY": "", "CT_AC_SYNC_WEBHOOK_SECRET": "",
        }  # fmt: skip
        environment = dict(SERVICES[name].environment)
        for variable in filter(lambda k: k.endswith("_FILE"), list(environment)):
            file = tmp_path / variable
            file.write_text(values.get(variable.removesuffix("_FILE"), "word") + "\n", "utf-8")
            environment[variable] = str(file)

        settings = read_settings(environment)

        assert settings.start == "now"

    def test_every_secret_is_declared(self):
        """What a service mounts is declared at the top, below one folder."""
        declared = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["secrets"]
        mounted = {secret for service in SERVICES.values() for secret in service.given.get("secrets", [])}

        assert mounted == set(declared)
        assert all(given["file"] == f"${{SECRETS:-./secrets}}/{name}" for name, given in declared.items())

    def test_they_are_made_once(self, tmp_path: Path):
        """The script makes what can be made, names what must be written by hand, and changes nothing later."""
        command = [str(DOCKER / "secrets.sh"), str(tmp_path / "secrets")]

        first = subprocess.run(command, capture_output=True, text=True, check=False)
        made = {path.name: path.read_text("utf-8") for path in (tmp_path / "secrets").iterdir()}
        for name in ("ctp_client_id", "ctp_client_secret", "ac_api_token"):
            (tmp_path / "secrets" / name).write_text("word\n", "utf-8")
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        kept = {path.name: path.read_text("utf-8") for path in (tmp_path / "secrets").iterdir()}

        assert (first.returncode, second.returncode) == (1, 0)
        assert (
            first.stderr == "write by hand, one value a file: ctp_client_id ctp_client_secret ac_api_token\n"
        )
        assert kept.items() >= made.items()
        assert made["postgres_password"].strip() in made["database_url"]
        assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
        declared = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["secrets"]
        assert set(kept) == set(declared)


class TestInterpolation:
    def test_a_variable_that_must_be_set_is_missed(self):
        """Without the project's key no service is described."""
        with pytest.raises(LookupError, match="CTP_PROJECT_KEY"):
            read_services(EXAMPLE | {"CTP_PROJECT_KEY": ""}, "compose.yaml")

    def test_durations_add_up(self):
        """A duration may have several parts."""
        assert seconds("1m30s") == 90
