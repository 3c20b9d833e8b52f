"""A RabbitMQ server of a test's own, which may be stopped, killed and emptied."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kombu import Connection

from services import free_port, unavailable

if TYPE_CHECKING:
    from types import TracebackType

# Debian's wrapper in /usr/sbin changes the user, who then cannot write into our folder.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_TIMEOUT = 90.0
_STOP_TIMEOUT = 60.0


class PrivateRabbit:
    """
    A RabbitMQ server on ports of its own, with data in a temporary folder, while the context lasts.

    Its ports, and so its ``url``, stay the same however often it is started.
    """

    def __init__(self) -> None:
        if not _PROGRAM.exists():
            unavailable(f"RabbitMQ: no {_PROGRAM} here (apt install rabbitmq-server)")
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.folder = Path(tempfile.mkdtemp(prefix="pypeline-rabbit-"))
        self._environment = self._prepare()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Return once it answers."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [_PROGRAM],
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._await_answer(self._process)

    def stop(self) -> None:
        """Shut it down in an orderly way. Nothing where it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """End it as a loss of power does. Nothing where it does not run."""
        process, self._process = self._process, None
        if process is not None:
            _kill_session(process)

    def restart(self) -> None:
        """Stop and start; what is durable stays."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Stop it, delete its data, queues and messages included, and start it."""
        self.stop()
        shutil.rmtree(self.folder / "data")
        self.start()

    def _prepare(self) -> dict[str, str]:
        folder = self.folder
        (folder / "env.conf").write_text("")
        (folder / "plugins").write_text("[].")
        ours = {
            "HOME": str(folder),  # Erlang keeps its cookie there
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"pypeline-{uuid.uuid4().hex}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            # What the machine's own server is told is not for this one.
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        }
        return {**os.environ, **ours}

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _START_TIMEOUT
        while not _answers(self.url):
            if process.poll() is not None or time.monotonic() > end:
                said = (self.folder / "output").read_text()[-2000:]
                self.kill()
                unavailable(f"RabbitMQ did not start: {said}")
            time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with Connection(url, connect_timeout=2) as connection:
            connection.connect()
    except (OSError, *Connection(url).connection_errors):
        return False
    return True


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    """The program is a shell script: the server is its child."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_STOP_TIMEOUT)
