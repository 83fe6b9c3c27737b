{{/*
A pod that helm test runs to its end: (dict "root" $ "name" NAME "image" LIST "env" LIST).
It comes with worker.conf beside it, for what runs as a worker.
*/}}
{{- define "load-tester.test-pod" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .name }}
  namespace: {{ .root.Values.namespace }}
  labels:
    app: load-tester-test
    app.kubernetes.io/part-of: load-tester
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    squall.io/worker.conf: {{ include "load-tester.conf-worker" .root | quote }}
spec:
  {{- include "load-tester.pod-common" (dict "root" .root "values" dict) | nindent 2 }}
  automountServiceAccountToken: false
  restartPolicy: Never
  activeDeadlineSeconds: 300
  containers:
    - name: test
      image: {{ .image | quote }}
      imagePullPolicy: {{ .root.Values.images.pullPolicy }}
      command: {{ toJson .command }}
      {{- with .env }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {cpu: "1", memory: 256Mi}
      securityContext:
        {{- include "load-tester.container-security" . | nindent 8 }}
      {{- include "load-tester.worker-mount" . | nindent 6 }}
  {{- include "load-tester.worker-volume" . | nindent 2 }}
{{- end }}
