"""Probes per second of processor time: our HTTP prober against the Prometheus blackbox exporter, on the same target.

Both ask the same server on loopback, each probe over a connection of its own. Counted is only the prober's own
processor time. Goal: at least as many as the exporter. The exporter is Debian's package prometheus-blackbox-exporter.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from nigrani.integrations import Answer, ProbeJob
from nigrani.integrations.web import probe
from nigrani.integrations.web.config import ProbeConfig, SourceConfig

PROBES = int(os.environ.get("PROBES", "6000"))
_BATCH = 100
_EXPORTER = ("prometheus-blackbox-exporter", "blackbox_exporter")
_BODY = b"x" * 2000
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def _serve(port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


@contextmanager
def _running(*command: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
                break
            except OSError:
                try:
                    process.wait(0.025)
                except subprocess.TimeoutExpired:
                    continue
                raise RuntimeError(f"{command[0]} ended at once") from None
        yield process
    finally:
        process.terminate()
        process.wait()


def _ours(target: str) -> float:
    """Ask PROBES times, a hundred side by side, and return the processor seconds it took."""
    job = ProbeJob("site", "front", SourceConfig(base=target), ProbeConfig(), timedelta(seconds=10))
    before = resource.getrusage(resource.RUSAGE_SELF)
    right = 0
    for _ in range(PROBES // _BATCH):
        right += sum(isinstance(answer, Answer) and answer.ok for _, answer in probe.probe([job] * _BATCH))
    after = resource.getrusage(resource.RUSAGE_SELF)
    if right != PROBES // _BATCH * _BATCH:
        raise RuntimeError(f"only {right} of our {PROBES} probes were right")
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def _theirs(target: str, exporter: str) -> float:
    """Have the exporter ask PROBES times and return the processor seconds of its process."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "blackbox.yml"
        config.write_text("modules: {http_2xx: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4}}}\n")
        port = _free_port()
        command = (exporter, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
        with _running(*command, port=port) as process:
            address = f"http://127.0.0.1:{port}/probe?module=http_2xx&target={target}"
            before = _processor_s(process.pid)
            for _ in range(PROBES):
                with urllib.request.urlopen(address) as answer:
                    if b"\nprobe_success 1" not in answer.read():
                        raise RuntimeError("one of the exporter's probes failed")
            return _processor_s(process.pid) - before


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print both and their ratio. Returns 1 when the exporter is the better one."""
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(_serve(int(sys.argv[2])))
        return 0
    port = _free_port()
    with _running(sys.executable, "-m", "bench.probes", "serve", str(port), port=port):
        target = f"http://127.0.0.1:{port}/"
        ours = PROBES / _ours(target)
        print(f"ours:     {ours:8.0f} probes per processor second ({1000 / ours:.2f} ms each)", flush=True)
        exporter = next(filter(None, map(shutil.which, _EXPORTER)), None)
        if exporter is None:
            print("The exporter is not installed, so there is no ratio: apt install prometheus-blackbox-exporter")
            return 1
        theirs = PROBES / _theirs(target, exporter)
    print(f"exporter: {theirs:8.0f} probes per processor second ({1000 / theirs:.2f} ms each)")
    print(f"ratio:    {ours / theirs:8.2f} (goal: at least 1)")
    return 0 if ours >= theirs else 1


if __name__ == "__main__":
    sys.exit(main())
