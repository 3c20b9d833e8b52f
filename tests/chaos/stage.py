"""Where a fault happens: servers, two hosts with a worker each, and a client that starts runs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

from chaos.history import History
from chaos.workers import BeatProcess, WorkerProcess
from pypeline import bootstrap
from pypeline.config import Settings, find_config, load_config

if TYPE_CHECKING:
    from types import TracebackType

    from chaos.forms import Form
    from chaos.network import Link, Network
    from private_rabbit import PrivateRabbit
    from private_redis import PrivateRedis
    from pypeline.application import Application
    from services import PrivatePostgres

_HERE = Path(__file__).parent
_NAME = "broker.chaos"


@dataclass(frozen=True, slots=True)
class Host:
    """The ways from one host to the servers."""

    broker: Link
    database: Link


class Stage:
    """
    The servers, the hosts ``one`` and ``two``, and the client, while the context lasts.

    All processes call the broker by one name, by which runs know it; each host has a way to it of its own.
    """

    def __init__(
        self,
        broker: PrivateRabbit | PrivateRedis,
        postgres: PrivatePostgres,
        network: Network,
        *,
        folder: Path,
        form: Form,
    ) -> None:
        self.broker = broker
        self.postgres = postgres
        self.form = form
        self.folder = folder
        self.ledger = folder / "ledger"
        self.workers: dict[str, WorkerProcess] = {}
        self.hosts = {
            name: Host(network.link(broker.port), network.link(_port(postgres.url)))
            for name in ("one", "two")
        }
        self._database = f"chaos_{broker.port}"
        self.history = History(f"{postgres.url}/{self._database}")
        self._resolve = socket.getaddrinfo

    def __enter__(self) -> Self:
        self.ledger.touch()
        shutil.copytree(_HERE / "application", self.folder, dirs_exist_ok=True)
        self._know_the_broker()
        with psycopg.connect(f"{self.postgres.url}/postgres", autocommit=True) as connection:
            connection.execute(f"create database {self._database}")
        settings = self._settings()
        bootstrap.upgrade_database(settings)
        self.history.begin()
        self._system = self._client()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dismiss()
        self._system.close()
        socket.getaddrinfo = self._resolve

    @property
    def application(self) -> Application:
        """What starts and shows runs, by ways that no test breaks."""
        return self._system.application

    def crew(self, **environment: str) -> tuple[WorkerProcess, WorkerProcess]:
        """
        A worker on each host, ready: those of the last test where they still live.

        What has to be started gets these variables in its environment.
        """
        workers = [self._worker(name, name, **environment) for name in self.hosts]
        for worker in workers:
            worker.await_ready()
        return workers[0], workers[1]

    def hire(self, name: str, *, host: str, **environment: str) -> WorkerProcess:
        """One more worker, ready, with these variables in its environment."""
        worker = self._worker(name, host, **environment)
        worker.await_ready()
        return worker

    def scheduler(self, name: str, *, host: str, **environment: str) -> BeatProcess:
        """A scheduler, ready, with these variables in its environment."""
        found = BeatProcess(name, self.folder, {**self._environment(self.hosts[host]), **environment})
        self.workers[name] = found
        found.start()
        found.await_ready()
        return found

    def dismiss(self, *names: str) -> None:
        """End these workers at once; without names, all."""
        for name in names or tuple(self.workers):
            if name in self.workers:
                self.workers.pop(name).kill_host()

    def reconfigure(self, text: str) -> None:
        """Write another configuration, in force for the client, and for workers that start later."""
        (self.folder / "sermos.yaml").write_text(text)
        self._reopen()

    def start_postgres(self) -> float:
        """Start the database again; answers the time, in seconds since the epoch, since which it answers."""
        self.postgres.start()
        since = time.time()
        self._reopen()
        return since

    def _reopen(self) -> None:
        self._system.close()
        self._system = self._client()

    def _client(self) -> bootstrap.System:
        settings = self._settings()
        return bootstrap.build(settings, load_config(find_config(settings), env=settings.environment))

    def _worker(self, name: str, host: str, **environment: str) -> WorkerProcess:
        worker = self.workers.get(name)
        if worker is None or not worker.lives:
            worker = WorkerProcess(name, self.folder, {**self._environment(self.hosts[host]), **environment})
            self.workers[name] = worker
            worker.start()
        return worker

    def _environment(self, host: Host) -> dict[str, str]:
        database = f"postgresql://postgres@127.0.0.1:{host.database.port}/{self._database}"
        return {
            **os.environ,
            **self._variables(database),
            "PYTHONPATH": os.pathsep.join([str(_HERE / "sabotage"), os.environ.get("PYTHONPATH", "")]),
            "CHAOS_LEDGER": str(self.ledger),
            "CHAOS_HOSTS": json.dumps({_NAME: host.broker.port}),
        }

    def _settings(self) -> Settings:
        return Settings.load(self._variables(f"{self.postgres.url}/{self._database}"), folder=self.folder)

    def _variables(self, database: str) -> dict[str, str]:
        return {
            "PYPELINE_CONFIG": str(self.folder / "sermos.yaml"),
            "PYPELINE_BROKER_URL": _called(self.broker.url, _NAME),
            "PYPELINE_DATABASE_URL": database,
            "PYPELINE_APP": "chaos",
            "PYPELINE_LEASE": f"{self.form.lease:g}",
            "PYPELINE_SHUTDOWN_GRACE": f"{self.form.grace:g}",
        }

    def _know_the_broker(self) -> None:
        """Let this process, which breaks the ways, reach the broker by its name too."""
        resolve, port = socket.getaddrinfo, self.broker.port

        def getaddrinfo(host: Any, *rest: Any, **kwargs: Any) -> Any:
            return (
                resolve("127.0.0.1", port, *rest[1:], **kwargs)
                if host == _NAME
                else resolve(host, *rest, **kwargs)
            )

        socket.getaddrinfo = getaddrinfo


def _called(url: str, name: str) -> str:
    """The URL with another host's name."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("127.0.0.1", name)))


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
