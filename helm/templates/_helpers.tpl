{{- define "conversions.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "conversions.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "conversions.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "conversions.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "conversions.selectorLabels" -}}
app.kubernetes.io/name: {{ include "conversions.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "conversions.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "conversions.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "conversions.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "conversions.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "conversions.image" -}}
{{- $repository := required "image.repository is required: build the image with the project's Dockerfile, push it to a registry of yours and name it here" .Values.image.repository }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "conversions.port" -}}
{{- dig "health" "port" 8080 .Values.config | int }}
{{- end }}

{{/* What would start and then fail, or lose work at a stop, is refused here, with the remedy. */}}
{{- define "conversions.refuse" -}}
{{- $drain := dig "shutdown" "drain_s" 25 .Values.config | float64 }}
{{- if lt (float64 .Values.terminationGracePeriodSeconds) (addf $drain 10) }}
{{- fail (printf "terminationGracePeriodSeconds is %v, and config.shutdown.drain_s %v: the pod would be killed before it has drained, committed and left the group; give it at least %v" .Values.terminationGracePeriodSeconds $drain (addf $drain 10)) }}
{{- end }}
{{- if not (dig "kafka" "bootstrap_servers" "" .Values.config) }}
{{- fail "config.kafka.bootstrap_servers is required: the brokers to start from, as host:port" }}
{{- end }}
{{- if and (not .Values.pinterest.existingSecret) (not .Values.pinterest.existingTokensSecret) }}
{{- fail "pinterest.existingSecret is required: a Secret with the access token under the key access-token (or pinterest.existingTokensSecret: one with a key per ad account)" }}
{{- end }}
{{- if and .Values.pinterest.existingSecret .Values.pinterest.existingTokensSecret }}
{{- fail "set either pinterest.existingSecret (one token for all accounts) or pinterest.existingTokensSecret (one per account), not both" }}
{{- end }}
{{- end }}

{{/* KAFKA__SASL_PASSWORD → secret-kafka-sasl-password */}}
{{- define "conversions.volume" -}}
secret-{{ . | lower | replace "_" "-" | replace "--" "-" }}
{{- end }}
