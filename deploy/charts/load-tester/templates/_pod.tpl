{{/* _pod.tpl: how every pod of this chart is made. */}}

{{/* The restricted pod security standard, whole. */}}
{{- define "load-tester.pod-security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "load-tester.container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* For the spec of every pod: (dict "root" $ "values" MAP, which may be empty). */}}
{{- define "load-tester.pod-common" -}}
enableServiceLinks: false
securityContext:
  {{- include "load-tester.pod-security" . | nindent 2 }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $.values $field }}
{{ dict $field . | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{/* All that stands in /etc/squall, as one volume. */}}
{{- define "load-tester.config-volume" -}}
- name: config
  projected:
    defaultMode: 288 # 0440
    sources:
      - configMap: {name: {{ .name }}}
      {{- range include "load-tester.secrets" . | fromJsonArray }}
      - secret:
          name: {{ .secret }}
          items:
            - {key: {{ .key }}, path: {{ .file }}}
      {{- end }}
{{- end }}

{{- define "load-tester.config-map" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "load-tester.metadata" (dict "component" .) | nindent 2 }}
data:
  {{ .role }}.conf: |
    {{- include "load-tester.conf" . | nindent 4 }}
  {{- with .root.Values.redis.ca }}
  redis-ca.pem: |
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "load-tester.service-account" -}}
{{- if .values.serviceAccount.create }}
{{- $notes := deepCopy .values.serviceAccount.annotations }}
{{- with .root.Values.workloadIdentity }}
{{- if and .enabled (ne $.role "target") }}
{{- $_ := set $notes "azure.workload.identity/client-id" .clientId }}
{{- if .tenantId }}{{ $_ := set $notes "azure.workload.identity/tenant-id" .tenantId }}{{ end }}
{{- end }}
{{- end }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "load-tester.metadata" (dict "component" . "name" .values.serviceAccount.name "annotations" $notes) | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{/*
A Deployment. New pods come before old ones go; a pod that goes first waits until nobody is sent to it any more.
The checksums make that happen when what it reads changes, and only then.
*/}}
{{- define "load-tester.deployment" -}}
{{- $v := .values }}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "load-tester.metadata" (dict "component" .) | nindent 2 }}
spec:
  {{- if not (dig "autoscaling" "enabled" false $v) }}
  replicas: {{ int $v.replicaCount }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "load-tester.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- merge (include "load-tester.selector" . | fromYaml) (include "load-tester.pod-labels" . | fromYaml) $v.podLabels | toYaml | nindent 8 }}
      annotations:
        checksum/config: {{ printf "%s%s" (include "load-tester.conf" .) .root.Values.redis.ca | sha256sum }}
        {{- if include "load-tester.secrets" . | fromJsonArray }}
        checksum/secret: {{ include "load-tester.own-secrets" . | sha256sum }}
        {{- end }}
        {{- with $v.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "load-tester.pod-common" . | nindent 6 }}
      serviceAccountName: {{ $v.serviceAccount.name }}
      automountServiceAccountToken: {{ eq .role "orchestrator" }}
      terminationGracePeriodSeconds: 40
      topologySpreadConstraints:
        {{- if $v.topologySpreadConstraints }}
        {{- toYaml $v.topologySpreadConstraints | nindent 8 }}
        {{- else }}
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "load-tester.selector" . | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "load-tester.image" . | quote }}
          imagePullPolicy: {{ .root.Values.images.pullPolicy }}
          command: [squalld, -c, /etc/squall/{{ .role }}.conf]
          {{- with include "load-tester.env" . | trim }}
          {{- . | nindent 10 }}
          {{- end }}
          {{- with $v.extraEnvFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - {name: http, containerPort: 8000}
            - {name: admin, containerPort: 9090}
          startupProbe:
            httpGet: {path: /healthz, port: admin}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /healthz, port: admin}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: admin}
            periodSeconds: 3
            timeoutSeconds: 3
          {{- if ne .role "orchestrator" }}
          lifecycle:
            preStop:
              exec: {command: [sleep, "5"]}
          {{- end }}
          resources:
            {{- toYaml $v.resources | nindent 12 }}
          securityContext:
            {{- include "load-tester.container-security" . | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/squall, readOnly: true}
            {{- with $v.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        {{- include "load-tester.config-volume" . | nindent 8 }}
        {{- with $v.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

{{- define "load-tester.pod-labels" -}}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/part-of: load-tester
{{- if and .root.Values.workloadIdentity.enabled (ne .role "target") }}
azure.workload.identity/use: "true"
{{- end }}
{{- end }}

{{/* POD_IP: where workers find the orchestrator that runs their test. */}}
{{- define "load-tester.env" -}}
{{- if or (eq .role "orchestrator") .values.extraEnv }}
env:
  {{- if eq .role "orchestrator" }}
  - name: POD_IP
    valueFrom: {fieldRef: {fieldPath: status.podIP}}
  {{- end }}
  {{- with .values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What of the chart's Secret this component reads. */}}
{{- define "load-tester.own-secrets" -}}
{{- $data := include "load-tester.secret-data" .root | fromYaml }}
{{- range include "load-tester.secrets" . | fromJsonArray }}
{{ .file }} {{ .secret }} {{ .key }} {{ get $data .key }}
{{- end }}
{{- end }}

{{- define "load-tester.pdb" -}}
{{- if .values.pdb.enabled }}
apiVersion: {{ include "load-tester.api" (dict "root" .root "new" "policy/v1" "old" "policy/v1beta1" "since" ">=1.21-0") }}
kind: PodDisruptionBudget
metadata:
  {{- include "load-tester.metadata" (dict "component" .) | nindent 2 }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "load-tester.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* The API that the cluster has of an older and a newer one: (dict "root" $ "new" V "old" V "since" RANGE). */}}
{{- define "load-tester.api" -}}
{{- ternary .new .old (and (.root.Capabilities.APIVersions.Has .new) (semverCompare .since .root.Capabilities.KubeVersion.Version)) }}
{{- end }}

{{/* Pods that are let in: (dict "apps" LIST), as peers of a NetworkPolicy. */}}
{{- define "load-tester.peers" -}}
{{- range .apps }}
- podSelector: {matchLabels: {app: {{ . }}}}
{{- end }}
{{- end }}

{{/* A rule that lets /metrics be read, where anybody is named for that. */}}
{{- define "load-tester.metrics-rule" -}}
{{- with .root.Values.networkPolicy.metricsFrom }}
- ports: [{port: 9090}]
  from:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
