# The consumer as an image: locked, hashed, unprivileged. Releases pin PYTHON_IMAGE by digest (docs/decisions/0002).
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie

# --- the project's own wheel, made with the locked build tools ---
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
RUN python -m venv /opt/build
COPY requirements-dev.lock .
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/build/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY consumer consumer
COPY schemas schemas
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /dist

# --- what runs, and nothing else ---
FROM ${PYTHON_IMAGE} AS runtime
# requirements-aws.lock for AWS Glue and Amazon MSK.
ARG REQUIREMENTS=requirements.lock
WORKDIR /src
RUN python -m venv /opt/conversions
COPY ${REQUIREMENTS} requirements.lock
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/conversions/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements.lock
COPY --from=wheel /dist /dist
# The interpreter's path stays that of the final stage, so the environment can be copied as it is.
RUN /opt/conversions/bin/pip install --quiet --no-index --no-deps /dist/*.whl \
    && /opt/conversions/bin/pip uninstall --quiet --yes pip \
    && /opt/conversions/bin/python -m compileall -q /opt/conversions

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pinterest-conversions-consumer" \
      org.opencontainers.image.description="Carries orders and visits from Kafka to the Pinterest Conversions API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=runtime /opt/conversions /opt/conversions
ENV PATH=/opt/conversions/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, not a name: `runAsNonRoot` can only be checked against a number.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# Exec form: signals reach the consumer itself. Health is the orchestrator's to ask, on /livez and /readyz.
ENTRYPOINT ["conversions"]
CMD ["run"]
