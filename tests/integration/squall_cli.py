"""squall_cli.py - runs the command line of the build tree: on pipes, in a pseudo-terminal."""
import fcntl
import os
import pty
import signal
import struct
import subprocess
import tempfile
import termios

from squall import BUILD, PATIENCE, environment, wait_until

PROGRAM = os.path.join(BUILD, "squall")
HIST_TOOL = os.path.join(BUILD, "tests/unit/hist_tool")
HOME = tempfile.TemporaryDirectory(prefix="squall-home-")


def surroundings(env=None):
    return environment({"HOME": HOME.name, "XDG_STATE_HOME": HOME.name + "/state", "TMPDIR": HOME.name,
                        "LC_ALL": "C.UTF-8", "TERM": "xterm", **(env or {})})


def squall(*args, env=None, text="", patience=PATIENCE):
    """To its end; .stdout, .stderr and .returncode."""
    return subprocess.run([PROGRAM, *args], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=surroundings(env), timeout=patience)


def started(*args, env=None):
    return subprocess.Popen([PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=surroundings(env))


def blob(values):
    """A histogram as workers send it: "VALUE*COUNT,..." in ns."""
    answer = subprocess.run([HIST_TOOL], input="write x %s\n" % values, stdout=subprocess.PIPE, text=True, check=True)
    return answer.stdout.split()[1]


class Terminal:
    """squall in a pseudo-terminal. .seen is all it wrote; screen() is what stands there now."""

    def __init__(self, *args, env=None, columns=100, rows=30):
        self.columns = columns
        self.seen = ""
        pid, self.fd = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(PROGRAM, [PROGRAM, *args], surroundings(env))
        self.pid = pid
        self.status = None
        os.set_blocking(self.fd, False)

    def read(self):
        try:
            self.seen += os.read(self.fd, 65536).decode("utf-8", "replace")
        except BlockingIOError:
            pass
        except OSError:  # the other side is closed
            if self.status is None:
                self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.seen

    def wait_for(self, part):
        return wait_until(lambda: part in self.read() or (self.status is not None and "gone"),
                          lambda: "%r in\n%s" % (part, self.seen)) is True

    def wait(self):
        wait_until(lambda: (self.read(), self.status is not None)[1], lambda: "its end after\n%s" % self.seen)
        return self.status

    def resize(self, columns):
        self.columns = columns
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def send_signal(self, number):
        os.kill(self.pid, number)

    def close(self):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def screen(self):
        """The lines, after cursor movements and erasing; colours are left out."""
        lines, row, i, text = [""], 0, 0, self.read()
        while i < len(text):
            if text.startswith("\033[", i):
                end = i + 2
                while not text[end].isalpha():
                    end += 1
                number, command = text[i + 2:end], text[end]
                if command == "A":
                    row -= int(number or 1)
                elif command == "J":
                    lines = lines[:row] + [""]
                i = end + 1
            elif text[i] == "\n":
                row += 1
                if row == len(lines):
                    lines.append("")
                i += 1
            elif text[i] == "\r":
                i += 1
            else:
                lines[row] += text[i]
                i += 1
        return lines
