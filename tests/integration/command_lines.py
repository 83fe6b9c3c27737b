"""command_lines.py - command lines in documents: they are pasted as they stand, so a remark wants its `#`.

    faults(text)    # ["12: helm uninstall load-tester     when no test runs: ..."], and how many lines were looked at

Markdown and NOTES.txt have them as blocks that are indented by four columns. A block is one of commands when its first
line, remarks aside, begins with one; the others are samples of something else.
"""
import re
import subprocess

COMMANDS = {"apt", "az", "cc", "cd", "curl", "docker", "export", "flock", "for", "git", "helm", "kubectl", "make",
            "mkdir", "printf", "redis-cli", "squall", "squalld", "sudo", "systemctl", "xargs"}


def is_command(line):
    word = line.lstrip("(").split(" ", 1)[0]
    return word in COMMANDS or re.match(r"(\.\.?|deploy|tests)/\S|\w+=\S", word) is not None


def blocks(text):
    """(number of the first line, lines without the four columns) for each block."""
    found, lines = [], text.splitlines()
    for n, line in enumerate(lines, 1):
        if not line.startswith("    "):
            continue
        if found and n > 1 and lines[n - 2].startswith("    "):
            found[-1][1].append(line[4:])
        else:
            found.append((n, [line[4:]]))
    return found


def bare(line):
    """Without what is quoted; and without its remark, when it has one."""
    line = re.sub(r"'[^']*'|\"(\\.|[^\"\\])*\"", "Q", line)
    return re.sub(r"(^|\s)#.*", "", line).rstrip()


def whole(n, lines):
    """Lines with those that go on, (number, text) each; an open quote goes on, too."""
    joined = []
    for at, line in enumerate(lines, n):
        before = joined[-1][1] if joined else ""
        if before.endswith("\\") or re.sub(r"\\.", "", re.sub(r'"[^"]*"', "", before)).count("'") % 2:
            joined[-1] = (joined[-1][0], before + "\n" + line)
        else:
            joined.append((at, line))
    return joined


def fault(line):
    """What is wrong with one command, or None. <words> are for the reader to fill in."""
    if not is_command(line):
        return "is no command"
    filled = re.sub(r"<[a-z-]+>", "FILLED", line)
    done = subprocess.run(["bash", "-n"], input=filled + "\n", text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0 or done.stderr:
        return done.stderr.strip()
    if re.search(r"\S {2,}\S", re.sub(r"\\\n\s*", "", bare(filled))):
        return "a remark without #"
    return None


def faults(text):
    """(what is wrong, a line each; how many commands there are)"""
    wrong, count = [], 0
    for n, lines in blocks(text):
        if not is_command(next((line for line in lines if not line.startswith("# ")), "")):
            wrong += ["%d: %s: a command in the midst of something else" % (n + i, line)
                      for i, line in enumerate(lines) if is_command(line) and "=" not in line.split(" ", 1)[0]]
            continue
        for at, line in whole(n, lines):
            if line.startswith("#"):
                continue
            count += 1
            why = fault(line)
            if why:
                wrong.append("%d: %s: %s" % (at, line, why))
    return wrong, count
