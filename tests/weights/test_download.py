"""Downloads from a local server that is slow, breaks off, lies and serves the wrong file."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.weights.download import PUBLISHED, PublishedWeights, fetch, weights_folder

CONTENT = bytes(range(256)) * 20_000
"""Five megabytes."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One way of serving a path."""

    seen: list[str]
    released: threading.Event

    def do_GET(self) -> None:
        self.seen.append(self.path)
        way = self.path.rpartition("/")[2].partition(".")[0]
        getattr(self, f"serve_{way}")()

    def start(self, length: int | None) -> None:
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def serve_good(self) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT)

    def serve_pausing(self) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT[:2_500_000])
        self.released.wait(240)
        self.wfile.write(CONTENT[2_500_000:])

    def serve_slow(self) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT[:1_000_000])
        self.released.wait(240)

    def serve_breaking(self) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT[:1_000_000])
        self.close_connection = True

    def serve_short(self) -> None:
        self.start(1_000_000)
        self.wfile.write(CONTENT)

    def serve_endless(self) -> None:
        self.start(None)
        try:
            while not self.released.is_set():
                self.wfile.write(CONTENT)
        except OSError:
            pass

    def serve_wrong(self) -> None:
        self.start(len(CONTENT))
        self.wfile.write(CONTENT[::-1])

    def serve_missing(self) -> None:
        self.send_error(404, "Not\x1b[31m Found" + 500 * "!")

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    handler = type("TestHandler", (Handler,), {"seen": [], "released": threading.Event()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        handler.released.set()
        serving.shutdown()
        thread.join()


def weights(server: http.server.ThreadingHTTPServer, way: str) -> PublishedWeights:
    return PublishedWeights(
        title="Test weights",
        url=f"http://127.0.0.1:{server.server_port}/{way}.h5",
        size_bytes=len(CONTENT),
        md5=hashlib.md5(CONTENT).hexdigest(),
        licence="",
    )


def left_behind(folder: Path) -> list[str]:
    """Return what is in a folder once the download's thread has ended."""
    for thread in threading.enumerate():
        if thread.name.startswith("download "):
            thread.join(240)
    return sorted(path.name for path in folder.rglob("*"))


def test_a_good_server(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    path = fetch(weights(server, "good"), folder)
    assert path == folder / "good.h5"
    assert path.read_bytes() == CONTENT
    assert left_behind(folder) == ["good.h5"]


def test_what_has_come_so_far_is_told(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    seen: list[Progress] = []

    def look(progress: Progress) -> None:
        seen.append(progress)
        if progress.current == 2:
            server.RequestHandlerClass.released.set()

    fetch(weights(server, "pausing"), tmp_path, look)
    assert server.RequestHandlerClass.released.is_set()
    assert {(progress.phase, progress.total) for progress in seen} == {("Downloading", 5)}
    currents = [progress.current for progress in seen]
    assert currents == sorted(currents)


def test_what_is_there_is_not_fetched_again(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    good = weights(server, "good")
    fetch(good, tmp_path)
    fetch(good, tmp_path)
    assert len(server.RequestHandlerClass.seen) == 1
    # Unless it is damaged.
    (tmp_path / "good.h5").write_bytes(CONTENT[:-1])
    assert fetch(good, tmp_path).read_bytes() == CONTENT
    assert len(server.RequestHandlerClass.seen) == 2


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("breaking", "ChunkedEncodingError"),
        ("short", "another file"),
        ("endless", "sends more than the file has"),
        ("wrong", "another file"),
        ("missing", r"answered 404 Not\?\[31m Found!+…!+\)"),
    ],
)
def test_bad_servers(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, way: str, reason: str
) -> None:
    bad = weights(server, way)
    with pytest.raises(ValueError, match=reason) as caught:
        fetch(bad, tmp_path)
    message = str(caught.value)
    assert bad.url in message
    assert f"5 MB, MD5 {bad.md5}" in message
    assert f"put it into {tmp_path}." in message
    assert left_behind(tmp_path) == []


def test_a_silent_server(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    # It is silent before its answer, too, where it has not been given a processor yet.
    with pytest.raises(ValueError, match=r"could not be downloaded \((Connection|ReadTime)"):
        fetch(weights(server, "slow"), tmp_path, timeout_seconds=0.5)
    assert left_behind(tmp_path) == []


def test_cancel_does_not_wait_for_the_server(
    server: http.server.ThreadingHTTPServer, tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        fetch(
            weights(server, "slow"),
            tmp_path,
            should_stop=lambda: bool(server.RequestHandlerClass.seen),
            timeout_seconds=20,
        )
    assert any(thread.name.startswith("download ") for thread in threading.enumerate())
    server.RequestHandlerClass.released.set()
    assert left_behind(tmp_path) == []
    # And the next attempt starts from nothing.
    assert fetch(weights(server, "good"), tmp_path).read_bytes() == CONTENT


def test_no_server(tmp_path: Path, server: http.server.ThreadingHTTPServer) -> None:
    nobody = PublishedWeights("Test weights", "http://127.0.0.1:9/a.h5", 10, "0" * 32, "")
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:9/a\.h5 \(1 MB, MD5 000"):
        fetch(nobody, tmp_path)


def test_proxies_are_honoured(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    good = weights(server, "good")
    behind = PublishedWeights("T", "http://weights.invalid/good.h5", good.size_bytes, good.md5, "")
    assert fetch(behind, tmp_path).read_bytes() == CONTENT
    assert server.RequestHandlerClass.seen == ["http://weights.invalid/good.h5"]


def test_a_full_disk(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    good = weights(server, "good")
    larger = PublishedWeights(good.title, good.url, 10**18, good.md5, "")
    with pytest.raises(ValueError, match=r"only \d+ MB are free"):
        fetch(larger, tmp_path)
    assert server.RequestHandlerClass.seen == []


def test_a_folder_that_is_a_file(server: http.server.ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="could not be downloaded"):
        fetch(weights(server, "good"), tmp_path / "file")


def test_hashes_are_those_that_keras_checks() -> None:
    """Keras' own source holds the addresses and hashes; its import is not needed for them."""
    spec = importlib.util.find_spec("keras")
    assert spec is not None
    source = Path(spec.origin).with_name("src") / "applications" / "vgg16.py"
    text = source.read_text(encoding="utf-8").replace('"\n    "', "")
    for published in PUBLISHED.values():
        assert published.url in text
        assert published.md5 in text


def test_the_folder(tmp_path: Path) -> None:
    assert weights_folder(tmp_path) == tmp_path
    assert weights_folder("~/weights") == Path.home() / "weights"
    assert weights_folder().parts[-2:] == ("napari-fcn-crf", "weights")
