{{/* _helpers.tpl: names and labels. A component is (dict "root" $ "name" "gateway-api" "role" "gateway" "values" .Values.gatewayApi). */}}

{{/* What pods are selected by; it never changes. */}}
{{- define "load-tester.selector" -}}
app: {{ .name }}
app.kubernetes.io/name: load-tester
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "load-tester.labels" -}}
{{ include "load-tester.selector" . }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: load-tester
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The head of an object: (dict "component" $c "name" NAME "annotations" MAP). */}}
{{- define "load-tester.metadata" -}}
name: {{ .name | default .component.name }}
namespace: {{ .component.root.Values.namespace }}
labels:
  {{- include "load-tester.labels" .component | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The reference of one of the four images: (dict "root" $ "name" "worker" "values" .Values.worker). */}}
{{- define "load-tester.image" -}}
{{- with .root.Values.images -}}
{{- $.values.image | default (printf "%s%s:%s" (ternary (printf "%s/" (trimSuffix "/" .registry)) "" (ne .registry "")) $.name .tag) -}}
{{- end -}}
{{- end }}

{{- define "load-tester.uses-servicebus" -}}
{{- with .Values.serviceBus }}{{ if or .connectionString .existingSecret }}yes{{ end }}{{ end }}
{{- end }}

{{/* File in /etc/squall -> where it comes from, for the secrets of a component; JSON of a list. */}}
{{- define "load-tester.secrets" -}}
{{- $v := .root.Values }}
{{- $list := list }}
{{- if or $v.redis.password $v.redis.existingSecret }}
{{- $list = append $list (dict "file" "redis-password" "secret" ($v.redis.existingSecret | default "load-tester") "key" (ternary $v.redis.existingSecretKey "redis-password" (ne $v.redis.existingSecret ""))) }}
{{- end }}
{{- if and (include "load-tester.uses-servicebus" .root) (ne .role "target") }}
{{- $list = append $list (dict "file" "service-bus-connection-string" "secret" ($v.serviceBus.existingSecret | default "load-tester") "key" (ternary $v.serviceBus.existingSecretKey "service-bus-connection-string" (ne $v.serviceBus.existingSecret ""))) }}
{{- end }}
{{- if and (eq .role "gateway") (or $v.gatewayApi.apiKeys $v.gatewayApi.existingSecret) }}
{{- $list = append $list (dict "file" "api-keys" "secret" ($v.gatewayApi.existingSecret | default "load-tester") "key" (ternary $v.gatewayApi.existingSecretKey "api-keys" (ne $v.gatewayApi.existingSecret ""))) }}
{{- end }}
{{- toJson $list }}
{{- end }}

{{/* Data of the chart's own Secret. */}}
{{- define "load-tester.secret-data" -}}
{{- $v := .Values }}
{{- if and $v.redis.password (not $v.redis.existingSecret) }}
redis-password: {{ $v.redis.password | b64enc }}
{{- end }}
{{- if and $v.serviceBus.connectionString (not $v.serviceBus.existingSecret) }}
service-bus-connection-string: {{ $v.serviceBus.connectionString | b64enc }}
{{- end }}
{{- if and $v.gatewayApi.apiKeys (not $v.gatewayApi.existingSecret) }}
api-keys: {{ printf "%s\n" (join "\n" $v.gatewayApi.apiKeys) | b64enc }}
{{- end }}
{{- end }}

{{/* What values cannot mean, with what to do about it. */}}
{{- define "load-tester.check" -}}
{{- with .Values }}
{{- if and (not .redis.host) (not .devRedis.enabled) }}
{{- fail "redis.host is empty: name the Redis server, or set devRedis.enabled=true to try things with one that keeps nothing" }}
{{- end }}
{{- if and .redis.host .devRedis.enabled }}
{{- fail "redis.host and devRedis.enabled exclude each other: leave one of them out" }}
{{- end }}
{{- if and .devRedis.enabled (or .redis.ssl .redis.existingSecret) }}
{{- fail "devRedis speaks no TLS and takes its password from redis.password: leave redis.ssl and redis.existingSecret out" }}
{{- end }}
{{- if and .workloadIdentity.enabled (not .workloadIdentity.clientId) }}
{{- fail "workloadIdentity.enabled without workloadIdentity.clientId: give the client id of the managed identity" }}
{{- end }}
{{- if and (not .targetApi.enabled) (not .targetUrl) }}
{{- fail "targetApi.enabled=false leaves tests that name no target without one: set targetUrl" }}
{{- end }}
{{- end }}
{{- end }}
