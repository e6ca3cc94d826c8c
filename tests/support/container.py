"""What deploy/container says, held against itself: each finding is a line.  container.py FOLDER"""
import os
import re
import subprocess
import sys

import yaml

folder = sys.argv[1]
wrong = []


def say(text):
    wrong.append(text)


def stages_of(path):
    """name -> list of (instruction, rest), in order."""
    with open(path, encoding="utf-8") as f:
        text = "".join(line for line in f if not line.lstrip().startswith("#"))
    stages, name = {}, None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        word, _, rest = line.strip().partition(" ")
        if word not in {"FROM", "WORKDIR", "COPY", "RUN", "VOLUME", "EXPOSE", "USER", "ENV", "HEALTHCHECK", "ENTRYPOINT", "CMD"}:
            say(f"{path}: what is {word}?")
        if word == "FROM":
            m = re.fullmatch(r"(\S+) AS (\S+)", rest)
            name = m.group(2) if m else say(f"{path}: FROM {rest}: no name") or rest
            stages[name] = []
        elif name is None:
            say(f"{path}: {word} before FROM")
            continue
        source = re.match(r"--from=(\S+)", rest)
        if word == "COPY" and source and source.group(1) not in list(stages)[:-1]:
            say(f"{path}: COPY from {source.group(1)}, which is no stage above")
        if word == "RUN" and subprocess.run(["sh", "-n", "-c", rest], capture_output=True).returncode:
            say(f"{path}: RUN {rest}: not a command")
        if word in {"CMD", "ENTRYPOINT"} and not isinstance(yaml.safe_load(rest), list):
            say(f"{path}: {word} {rest}: no list")
        stages[name].append((word, rest))
    return stages


def last(stage, word):
    return [rest for w, rest in stage if w == word][-1:] or [""]


stages = stages_of(f"{folder}/Dockerfile")
with open(f"{folder}/compose.yaml", encoding="utf-8") as f:
    compose = yaml.safe_load(f)
with open(f"{folder}/secrets.sh", encoding="utf-8") as f:
    makes = f.read()
for key in compose:
    if key not in {"name", "services", "networks", "volumes", "secrets"} and not key.startswith("x-"):
        say(f"compose.yaml: what is {key}?")
known = {"image", "build", "restart", "read_only", "cap_drop", "security_opt", "tmpfs", "ulimits", "pids_limit", "networks", "secrets",
         "mem_limit", "volumes", "environment", "network_mode", "healthcheck", "depends_on", "ports"}
for name, s in compose["services"].items():
    for key in s:
        if key not in known:
            say(f"{name}: what is {key}?")
    for kind in "networks", "secrets":
        for one in s.get(kind, []):
            if one not in compose[kind]:
                say(f"{name}: no {kind} {one}")
    for volume in s.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            if not os.path.isfile(os.path.join(folder, source)) or not volume.endswith(":ro"):
                say(f"{name}: {volume}: no such file, or it could be written")
        elif source not in compose["volumes"]:
            say(f"{name}: no volume {source}")
    for port in s.get("ports", []):
        if "7700" in port and not port.startswith("127.0.0.1:"):
            say(f"{name}: {port}: the API is for this machine")
    for other, how in s.get("depends_on", {}).items():
        if other not in compose["services"] or (how["condition"] == "service_healthy" and "healthcheck" not in compose["services"][other]):
            say(f"{name}: waits for {other}")
    if "build" not in s:
        continue
    stage = stages.get(s["build"]["target"])
    if stage is None:
        say(f"{name}: no stage {s['build']['target']}")
        continue
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", last(stage, "USER")[0]):
        say(f"{name}: runs as root, or as a name: {last(stage, 'USER')[0]}")
    if "/healthz" not in last(stage, "HEALTHCHECK")[0]:
        say(f"{name}: nobody looks at /healthz")
    if s.get("read_only") is not True or s.get("cap_drop") != ["ALL"] or "no-new-privileges:true" not in s.get("security_opt", []):
        say(f"{name}: may too much")
    if not any(v.split(":")[1] == last(stage, "VOLUME")[0] for v in s["volumes"]):
        say(f"{name}: what it keeps is in no volume")
for name, s in compose["secrets"].items():
    if f"{s['file'].removeprefix('./')} " not in makes + " ":
        say(f"secrets.sh does not make {name}")
for text in wrong:
    print(text)
sys.exit(bool(wrong))
