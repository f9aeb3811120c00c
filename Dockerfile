# eisync as a sidecar: recordings at /recordings (read-only), the state at /state, the key as the secret ei_api_key.
# Runs with a read-only root file system, without capabilities and as a user that is not in /etc/passwd.
#
# Two images come from here: eisync, and (--target emulator) the same with the emulator. `make image` builds both.

ARG BASE=python:3.12-slim

# Empty, unless a folder of wheels is given as the build context `wheels`: then pip asks no package index.
FROM scratch AS wheels

FROM ${BASE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_FIND_LINKS=/wheels
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY deploy/completions ./deploy/completions
COPY deploy/man ./deploy/man
COPY deploy/sbom ./deploy/sbom
COPY eisync ./eisync
# sqlite-utils names pip among its requirements and needs it for its own command line only: 13.8 MB that stay behind.
# At run time nothing may be written, so the bytecode comes along. pip's would be bound to the times of the sources, which
# a reproducible build sets; this is valid whatever they are.
RUN --mount=type=bind,from=wheels,target=/wheels \
    if ls /wheels/*.whl > /dev/null 2>&1; then export PIP_NO_INDEX=1; fi \
 && python -m venv --without-pip /opt/eisync \
 && python -m pip --python /opt/eisync/bin/python install --no-compile ".[web]" \
 && python -m pip --python /opt/eisync/bin/python uninstall --yes pip \
 && python -m compileall -q -f --invalidation-mode unchecked-hash /opt/eisync/lib

FROM builder AS emulator-builder
RUN --mount=type=bind,from=wheels,target=/wheels \
    if ls /wheels/*.whl > /dev/null 2>&1; then export PIP_NO_INDEX=1; fi \
 && python -m pip --python /opt/eisync/bin/python install --no-compile ".[emulator,web]" \
 && python -m pip --python /opt/eisync/bin/python uninstall --yes pip \
 && python -m compileall -q -f --invalidation-mode unchecked-hash /opt/eisync/lib

FROM ${BASE} AS runtime
ARG BASE
LABEL org.opencontainers.image.title="eisync" \
      org.opencontainers.image.description="Drop a file into a folder, and it is in your Edge Impulse project" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/eisync/eisync" \
      org.opencontainers.image.base.name="${BASE}"
# Whatever its number is, the container's user makes a folder of its own in the volume.
RUN install -d -m 1777 /state \
 && install -d -m 0755 /recordings
ENV PATH=/opt/eisync/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    EISYNC_STATE_DIR=/state/eisync
USER 10001:10001
VOLUME ["/state"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["eisync", "healthcheck"]
ENTRYPOINT ["eisync"]
CMD ["run", "/recordings"]

FROM runtime AS emulator
COPY --from=emulator-builder /opt/eisync /opt/eisync
HEALTHCHECK NONE
CMD ["emulator", "--host", "0.0.0.0", "--allow-remote"]

FROM runtime AS eisync
COPY --from=builder /opt/eisync /opt/eisync
