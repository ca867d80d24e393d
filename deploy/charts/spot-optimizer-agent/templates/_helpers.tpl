{{/* Name of the release's objects, at most 63 characters as labels demand. */}}
{{- define "agent.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Name of what has no namespace, so that releases in two namespaces do not meet. */}}
{{- define "agent.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "agent.fullname" .) | trunc 120 | trimSuffix "-" -}}
{{- end -}}

{{- define "agent.nodeFullname" -}}
{{- printf "%s-node" (include "agent.fullname" .) -}}
{{- end -}}

{{- define "agent.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of every object. Call with the root context. */}}
{{- define "agent.labels" -}}
{{ include "agent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: spot-optimizer
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "agent.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "agent.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: names the service account to use when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "agent.secret" -}}
{{- default (include "agent.fullname" .) .Values.existingSecret.name -}}
{{- end -}}

{{- define "agent.secretKey" -}}
{{- ternary .Values.existingSecret.key "api-token" (not (empty .Values.existingSecret.name)) -}}
{{- end -}}

{{- define "agent.image" -}}
{{- $repository := required "image.repository: names the registry and repository that the agent's image was pushed to" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "agent.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "agent.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Changed settings and keys start new pods. */}}
{{- define "agent.checksums" -}}
checksum/config: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
{{- if not .Values.existingSecret.name }}
checksum/secret: {{ include (print .Template.BasePath "/secret.yaml") . | sha256sum }}
{{- end }}
{{- end -}}

{{/* Port of apiUrl: written there, or what its scheme says. */}}
{{- define "agent.apiPort" -}}
{{- $host := get (urlParse .Values.apiUrl) "host" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- default (ternary "80" "443" (hasPrefix "http://" .Values.apiUrl)) $port -}}
{{- end -}}

{{/* Ports that the agent calls, each once, as a JSON list. */}}
{{- define "agent.egressPorts" -}}
{{- $ports := list (include "agent.apiPort" . | int) -}}
{{- range .Values.networkPolicy.ports -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- uniq $ports | toJson -}}
{{- end -}}

{{/* What contradicts itself and a schema cannot see. */}}
{{- define "agent.validate" -}}
{{- if and .Values.apiToken .Values.existingSecret.name -}}
{{- fail "apiToken and existingSecret.name: give the key itself or the Secret that holds it, not both" -}}
{{- end -}}
{{- if not (or .Values.apiToken .Values.existingSecret.name) -}}
{{- fail "apiToken: give this cluster's API key, or in existingSecret.name the Secret that holds it" -}}
{{- end -}}
{{- end -}}
