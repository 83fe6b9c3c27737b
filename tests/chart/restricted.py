"""restricted.py - the "restricted" pod security standard of Kubernetes, rule by rule.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ - a pod is a plain dict, as JSON gives it.
"""
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SYSCTLS = {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
           "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"}
SELINUX = {"", "container_t", "container_init_t", "container_kvm_t"}


def _security(where, context, pod):
    """What is wrong with one container; pod: the context of its pod, which counts where it says nothing."""
    both = lambda key: context.get(key, pod.get(key))  # noqa: E731
    if context.get("privileged"):
        yield "%s: privileged" % where
    if context.get("allowPrivilegeEscalation") is not False:
        yield "%s: allowPrivilegeEscalation is not false" % where
    if both("runAsNonRoot") is not True:
        yield "%s: runAsNonRoot is not true" % where
    if both("runAsUser") == 0:
        yield "%s: runAsUser is 0" % where
    if (both("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "%s: no seccompProfile" % where
    capabilities = context.get("capabilities") or {}
    if "ALL" not in capabilities.get("drop", []):
        yield "%s: does not drop ALL capabilities" % where
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "%s: adds capabilities" % where
    if context.get("procMount", "Default") != "Default":
        yield "%s: procMount" % where
    for options in (pod.get("seLinuxOptions"), context.get("seLinuxOptions")):
        if options and (options.get("type", "") not in SELINUX or options.get("user") or options.get("role")):
            yield "%s: seLinuxOptions" % where


def violations(spec):
    """Everything in the spec of a pod that "restricted" forbids."""
    found = []
    pod = spec.get("securityContext") or {}
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            found.append(key)
    for sysctl in pod.get("sysctls", []):
        if sysctl["name"] not in SYSCTLS:
            found.append("sysctl %s" % sysctl["name"])
    for volume in spec.get("volumes", []):
        for kind in set(volume) - {"name"} - VOLUMES:
            found.append("volume %s: %s" % (volume["name"], kind))
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(group, []):
            found += _security(container["name"], container.get("securityContext") or {}, pod)
            found += ["%s: hostPort" % container["name"] for p in container.get("ports", []) if p.get("hostPort")]
    return found
