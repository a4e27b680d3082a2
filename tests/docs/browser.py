"""Chromium without a window, driven by its own DevTools protocol over a web socket.

Source: https://chromedevtools.github.io/devtools-protocol.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import websocket

FLAGS = [
    "--headless",
    "--no-sandbox",  # it runs as root in a container and sees only pages from this machine
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
]


class Browser:
    """One tab. `troubles` collects what went wrong on the page that is open.

    Args:
        program: path of Chromium.
        profile: an empty folder for what it keeps.
    """

    def __init__(self, program: str, profile: Path) -> None:
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._loaded = False
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port, path = self._address(profile / "DevToolsActivePort")
            self._socket = websocket.create_connection(f"ws://127.0.0.1:{port}{path}", timeout=60)
        except BaseException:
            self._end_process()
            raise
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._end_process()

    def open(self, url: str, width: int = 1280, height: int = 900) -> None:
        """Show a page in a window of that size and wait until it and its formulas are ready."""
        self.troubles.clear()
        self.requests.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self._loaded = False
        self.send("Page.navigate", url=url)
        while not self._loaded:
            self._receive()
        self.run("window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => 0) : 0")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give the tab a command and return its answer."""
        return self._send(method, self._session["sessionId"], **parameters)

    def _send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        """The next message; events are noted on the way."""
        message = json.loads(self._socket.recv())
        event = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(event["request"]["url"])
            case "Runtime.exceptionThrown":
                details = event["exceptionDetails"]
                self.troubles.append(
                    details.get("exception", {}).get("description", details["text"])
                )
            case "Runtime.consoleAPICalled" if event["type"] in ("error", "assert"):
                self.troubles.append(str([a.get("value", a) for a in event["args"]]))
            case "Log.entryAdded" if event["entry"]["level"] == "error":
                self.troubles.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        return message

    def _address(self, file: Path) -> tuple[str, str]:
        """Port and path of the web socket, which Chromium writes down once it listens."""
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError(f"Chromium ended at once, with {self._process.returncode}.")
            if file.exists() and len(lines := file.read_text().split("\n")) == 2:
                return lines[0], lines[1]
            time.sleep(0.1)
        raise RuntimeError("Chromium did not listen within a minute.")

    def _end_process(self) -> None:
        self._process.terminate()
        self._process.wait(30)
