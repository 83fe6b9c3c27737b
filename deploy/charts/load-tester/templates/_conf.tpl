{{/* _conf.tpl: the .conf files. Each is a map, written down by one template. */}}

{{/* A value in libconfig's notation: (dict "value" V "indent" "  "). */}}
{{- define "load-tester.libconfig" -}}
{{- $v := .value }}
{{- if kindIs "map" $v -}}
{
{{- $in := printf "%s    " .indent }}
{{- if hasKey $v "plugin" }}
{{ $in }}plugin = {{ include "load-tester.libconfig" (dict "value" $v.plugin "indent" $in) }};
{{- end }}
{{- range $key, $value := omit $v "plugin" }}
{{- if not (kindIs "invalid" $value) }}
{{ $in }}{{ $key }} = {{ include "load-tester.libconfig" (dict "value" $value "indent" $in) }};
{{- end }}
{{- end }}
{{ .indent }}}
{{- else if kindIs "slice" $v -}}
(
{{- $in := .indent }}
{{- range $n, $value := $v }}{{ ternary ", " " " (gt $n 0) }}{{ include "load-tester.libconfig" (dict "value" $value "indent" $in) }}{{- end }} )
{{- else if kindIs "string" $v -}}
"{{ $v | replace "\\" "\\\\" | replace "\"" "\\\"" | replace "\n" "\\n" | replace "\r" "\\r" | replace "\t" "\\t" }}"
{{- else if kindIs "bool" $v -}}
{{ $v }}
{{- else -}}
{{ int64 $v }}
{{- end }}
{{- end }}

{{/* A whole file. */}}
{{- define "load-tester.conf-file" -}}
# Written by the chart load-tester. squalld -t -c FILE checks it.
{{- range $key, $value := . }}
{{ $key }} = {{ include "load-tester.libconfig" (dict "value" $value "indent" "") }};
{{- end }}
{{ end }}

{{/* What all processes have; YAML, as everything below. */}}
{{- define "load-tester.conf-base" -}}
log_level: {{ .Values.log.level }}
log_format: {{ .Values.log.format }}
{{- end }}

{{/* Connection to Redis, of transport and of store. */}}
{{- define "load-tester.conf-redis" -}}
{{- with .Values.redis -}}
plugin: redis
host: {{ .host | default "dev-redis" | quote }}
port: {{ int .port }}
ssl: {{ .ssl }}
{{- if or .password .existingSecret }}
password: file:/etc/squall/redis-password
{{- end }}
{{- if .ca }}
ssl_ca: /etc/squall/redis-ca.pem
{{- end }}
{{- end }}
{{- end }}

{{/* Options that only the store, or only the transport, knows. */}}
{{- define "load-tester.redis-transport-only" -}}lock max_deliveries max_waiting max_dead{{- end }}
{{- define "load-tester.redis-store-only" -}}key retention tombstone_ttl{{- end }}

{{- define "load-tester.conf-store" -}}
{{- $base := include "load-tester.conf-redis" . | fromYaml }}
{{- $_ := set $base "key" .Values.redis.key }}
{{- $more := .Values.redis.options }}
{{- range splitList " " (include "load-tester.redis-transport-only" .) }}{{ $more = omit $more . }}{{ end }}
{{- mergeOverwrite $base $more | toYaml }}
{{- end }}

{{- define "load-tester.conf-transport" -}}
{{- if include "load-tester.uses-servicebus" . }}
{{- $base := dict "plugin" "servicebus" "connection_string" "file:/etc/squall/service-bus-connection-string" "queue" .Values.serviceBus.queueName }}
{{- mergeOverwrite $base .Values.serviceBus.options | toYaml }}
{{- else }}
{{- $more := .Values.redis.options }}
{{- range splitList " " (include "load-tester.redis-store-only" .) }}{{ $more = omit $more . }}{{ end }}
{{- mergeOverwrite (include "load-tester.conf-redis" . | fromYaml) $more | toYaml }}
{{- end }}
{{- end }}

{{/* What gateway and orchestrator judge a test by: they have to agree. */}}
{{- define "load-tester.conf-policy" -}}
target_url: {{ .Values.targetUrl | default "http://target-api:8000/hit" | quote }}
{{- with .Values.allowedTargets }}
allowed_targets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $option, $value := dict "max_rate" .Values.limits.maxRate "max_workers" .Values.limits.maxWorkers }}
{{- if not (kindIs "invalid" $value) }}
{{ $option }}: {{ int $value }}
{{- end }}
{{- end }}
{{- with .Values.limits.maxDuration }}
max_duration: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The .conf of a component that listens. */}}
{{- define "load-tester.conf" -}}
{{- $root := .root }}
{{- $conf := include "load-tester.conf-base" $root | fromYaml }}
{{- $_ := set $conf "admin_listen" "0.0.0.0:9090" }}
{{- $_ := set $conf "store" (include "load-tester.conf-store" $root | fromYaml) }}
{{- $role := dict "plugin" .role "listen" "0.0.0.0:8000" }}
{{- if ne .role "target" }}
{{- $_ := set $conf "transport" (include "load-tester.conf-transport" $root | fromYaml) }}
{{- $_ := mergeOverwrite $role (include "load-tester.conf-policy" $root | fromYaml) }}
{{- end }}
{{- if and (eq .role "gateway") (or .values.apiKeys .values.existingSecret) }}
{{- $_ := set $role "api_keys_file" "/etc/squall/api-keys" }}
{{- end }}
{{- if eq .role "orchestrator" }}
{{- $_ := set $role "control_urls" (list "http://orchestrator:8000") }}
{{- $_ := set $conf "scheduler" (include "load-tester.conf-scheduler" $root | fromYaml) }}
{{- end }}
{{- $_ := set $conf "roles" (list (mergeOverwrite $role .values.options)) }}
{{- include "load-tester.conf-file" $conf }}
{{- end }}

{{- define "load-tester.conf-worker" -}}
{{- $conf := include "load-tester.conf-base" . | fromYaml }}
{{- $_ := set $conf "roles" (list (mergeOverwrite (dict "plugin" "worker") .Values.worker.options)) }}
{{- include "load-tester.conf-file" $conf }}
{{- end }}

{{/*
How the orchestrator makes its workers' pods. Their worker.conf is an annotation that they mount as a file:
it belongs to the test's own objects, so neither an upgrade nor a rollback of this release can change or remove
it under a running test.
*/}}
{{- define "load-tester.worker-mount" -}}
volumeMounts:
  - {name: config, mountPath: /etc/squall, readOnly: true}
{{- end }}
{{- define "load-tester.worker-volume" -}}
volumes:
  - name: config
    downwardAPI:
      items:
        - path: worker.conf
          fieldRef: {fieldPath: "metadata.annotations['squall.io/worker.conf']"}
{{- end }}
{{- define "load-tester.worker-command" -}}
command: [squalld, -c, /etc/squall/worker.conf]
{{- end }}

{{- define "load-tester.conf-scheduler" -}}
{{- $w := .Values.worker }}
{{- $container := include "load-tester.worker-mount" . | fromYaml }}
{{- $_ := mergeOverwrite $container (include "load-tester.worker-command" . | fromYaml) }}
{{- $_ := set $container "resources" $w.resources }}
{{- $pod := include "load-tester.worker-volume" . | fromYaml }}
{{- with .Values.images.pullSecrets }}
{{- $names := list }}
{{- range . }}{{ $names = append $names (dict "name" .) }}{{ end }}
{{- $_ := set $pod "imagePullSecrets" $names }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $w $field }}{{ $_ := set $pod $field . }}{{ end }}
{{- end }}
{{- /* A number of a file is a float here, which %v writes as 1e+06 from a million on; JSON does not. */}}
{{- $env := list }}
{{- range $name, $value := $w.env }}{{ $env = append $env (printf "%s=%s" $name (kindIs "string" $value | ternary $value (toJson $value))) }}{{ end }}
{{- $conf := dict "plugin" "kubernetes" "namespace" .Values.namespace "workload" $w.workload }}
{{- $_ := set $conf "image" (include "load-tester.image" (dict "root" . "name" "worker" "values" $w)) }}
{{- $_ := set $conf "image_pull_policy" .Values.images.pullPolicy }}
{{- $_ := set $conf "network_policy" .Values.networkPolicy.enabled }}
{{- $_ := set $conf "container" (mergeOverwrite $container $w.container | toJson) }}
{{- $_ := set $conf "pod" (mergeOverwrite $pod $w.pod | toJson) }}
{{- $_ := set $conf "annotations" (merge (dict "squall.io/worker.conf" (include "load-tester.conf-worker" .)) $w.podAnnotations | toJson) }}
{{- if $env }}{{ $_ := set $conf "env" $env }}{{ end }}
{{- mergeOverwrite $conf $w.schedulerOptions | toYaml }}
{{- end }}
