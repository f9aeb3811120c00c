# eisync as a sidecar: recordings at /recordings (read-only), the state at /state, the key as the secret ei_api_key.
# Runs with a read-only root file system, without capabilities and as a user that is not in /etc/passwd.

FROM python:3.12-slim AS builder
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY deploy/completions ./deploy/completions
COPY deploy/man ./deploy/man
COPY deploy/sbom ./deploy/sbom
COPY eisync ./eisync
# sqlite-utils names pip among its requirements and needs it for its own command line only: 13.8 MB that stay behind.
# pip compiles to bytecode while it installs, for at run time nothing may be written.
RUN python -m venv --without-pip /opt/eisync \
 && python -m pip --python /opt/eisync/bin/python install --no-cache-dir --disable-pip-version-check ".[web]" \
 && python -m pip --python /opt/eisync/bin/python uninstall --yes pip

FROM python:3.12-slim
LABEL org.opencontainers.image.title="eisync" \
      org.opencontainers.image.description="Drop a file into a folder, and it is in your Edge Impulse project" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/eisync/eisync"
COPY --from=builder /opt/eisync /opt/eisync
# The volume takes its owner from this folder. The number is fixed, so that a Kubernetes fsGroup or a chown can name it.
RUN install -d -m 0700 -o 10001 -g 10001 /state \
 && install -d -m 0755 /recordings
ENV PATH=/opt/eisync/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    EISYNC_STATE_DIR=/state
USER 10001:10001
VOLUME ["/state"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["eisync", "healthcheck"]
ENTRYPOINT ["eisync"]
CMD ["run", "/recordings"]
