# One image for everything: `docker build -t heartline .`, then see compose.yaml or docs/operating.md.
# The models lie inside: a container needs no network but the language model's.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/heartline
WORKDIR /source
COPY requirements.lock ./
RUN /opt/heartline/bin/pip install --no-deps --disable-pip-version-check -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY domain domain
COPY projections projections
COPY api api
RUN /opt/heartline/bin/pip install --no-deps --disable-pip-version-check . \
    && /opt/heartline/bin/python -m compileall -q /opt/heartline/lib

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Heartline" \
      org.opencontainers.image.description="A chat server with a memory that can be rewound and questioned" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --no-create-home heartline \
    && install --directory --owner=heartline --group=heartline --mode=0750 /data
COPY --from=build /opt/heartline /opt/heartline
ENV PATH=/opt/heartline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data \
    LOG_FORMAT=json
USER heartline
WORKDIR /data
VOLUME /data
EXPOSE 8000
# 503 (a part without which nothing can be answered) is unhealthy; degraded is not.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
# Open streams get SHUTDOWN_GRACE_SECONDS (10) to end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["heartline"]
CMD ["serve"]
