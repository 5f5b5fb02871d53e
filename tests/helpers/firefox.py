"""Firefox by its own remote protocol (Marionette), as far as tests of the page need it."""

import base64
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
#: Keys of the WebDriver standard (section 17.4.2, "Keyboard actions").
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Home": "\ue011", "End": "\ue010"}
KEYS |= {"Delete": "\ue017", "Tab": "\ue004", "Shift": "\ue008", "AltGraph": "\ue00a"}
#: Nothing is asked, fetched or shown but the page; downloads go to a folder.
PREFERENCES = {
    "marionette.port": 0,
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.download.alwaysOpenPanel": False,
    "browser.helperApps.neverAsk.saveToDisk": "text/csv",
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "toolkit.telemetry.server": "",
}


class Firefox:
    """A Firefox without a window, to be closed by `close`."""

    def __init__(self, folder: Path) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        profile = folder / "profile"
        profile.mkdir()
        preferences = PREFERENCES | {"browser.download.dir": str(self.downloads)}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in preferences.items()]
        (profile / "user.js").write_text("\n".join(lines))
        self.process = subprocess.Popen(
            [FIREFOX, "--headless", "--no-remote", "--marionette", "--profile", profile],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.count = 0
        try:
            port = self.until(lambda: _text(profile / "MarionetteActivePort"), 120)
            self.socket = socket.create_connection(("127.0.0.1", int(port)), timeout=120)
            self._read()
            self.ask("NewSession", capabilities={})
        except BaseException:
            self.process.kill()
            raise

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)

    def _read(self) -> list:
        text = b""
        while not text.endswith(b":"):
            text += self.socket.recv(1)
        size, content = int(text[:-1]), b""
        while len(content) < size:
            content += self.socket.recv(size - len(content))
        return json.loads(content)

    def ask(self, command: str, **parameters: object) -> object:
        """Send a command of WebDriver and return its value."""
        self.count += 1
        message = json.dumps([0, self.count, f"WebDriver:{command}", parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, number, error, result = self._read()
        assert number == self.count
        assert not error, error
        return result["value"] if isinstance(result, dict) and "value" in result else result

    def until(self, condition, seconds: float = 20):
        """Wait until something is true, and return it."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.05)
        return value

    def script(self, text: str, *arguments: object) -> object:
        """Run a script on the document: it sees what is on the page, not the page's program."""
        return self.ask("ExecuteScript", script=text, args=arguments, newSandbox=True)

    def text(self, selector: str) -> str:
        return self.script("return document.querySelector(arguments[0]).innerText", selector)

    def attribute(self, selector: str, name: str) -> str:
        script = "return document.querySelector(arguments[0]).getAttribute(arguments[1])"
        return self.script(script, selector, name)

    def press(self, *keys: str) -> None:
        """Press keys such as 4, Shift+D or Enter, as fast as a person may."""
        for key in keys:
            time.sleep(0.4)
            self.keys(key)

    def keys(self, *keys: str) -> None:
        """Press keys at once."""
        for key in keys:
            *modifiers, last = key.split("+")
            names = [KEYS.get(name, name) for name in [*modifiers, last]]
            down = [{"type": "keyDown", "value": name} for name in names]
            up = [{"type": "keyUp", "value": name} for name in reversed(names)]
            self._act("key", down + up)

    def hold(self, key: str, times: int) -> None:
        """Hold a key down until it was repeated so many times."""
        time.sleep(0.4)
        pause = {"type": "pause", "duration": 33}
        self._act("key", [{"type": "keyDown", "value": key}, pause] * (1 + times))
        self._act("key", [{"type": "keyUp", "value": key}])

    def click(self, selector: str, times: int = 1) -> None:
        place = self.script(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [Math.round(b.x + b.width / 2), Math.round(b.y + b.height / 2)]",
            selector,
        )
        move = {"type": "pointerMove", "x": place[0], "y": place[1], "duration": 0}
        button = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        self._act("pointer", [move, *(button * times)])

    def _act(self, kind: str, actions: list[dict]) -> None:
        self.ask("PerformActions", actions=[{"type": kind, "id": kind, "actions": actions}])

    def goto(self, path: Path) -> None:
        self.ask("Navigate", url=path.as_uri())
        self.until(lambda: self.attribute("html", "data-ready") == "yes")

    def resize(self, width: int, height: int) -> None:
        self.ask("SetWindowRect", width=width, height=height)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.ask("TakeScreenshot", full=False, hash=False))


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
