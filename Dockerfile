# contact-sync with its dbt project, for `run`, for build and push as jobs, and for the receiver alone.
# docs/going-to-production.md says how to use it. All that is written goes to /data and /tmp.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements-cloud.txt .
RUN python -m venv /opt/contact-sync \
    && /opt/contact-sync/bin/pip install --no-cache-dir --require-hashes -r requirements-cloud.txt
COPY . .
RUN /opt/contact-sync/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/contact-sync/bin/pip install --no-deps --no-index dist/*.whl

FROM python:3.13-slim
COPY --from=build /opt/contact-sync /opt/contact-sync
WORKDIR /contact-sync
COPY dbt_project.yml selectors.yml ./
COPY models models
COPY macros macros
COPY seeds seeds
COPY snapshots snapshots
COPY tests/data tests/data
COPY profiles.example.yml profiles.yml
RUN useradd --uid 10001 --no-create-home --home-dir /data contact-sync \
    && install --directory --owner contact-sync --group contact-sync /data
ENV PATH=/opt/contact-sync/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DBT_PROJECT_DIR=/contact-sync \
    DBT_PROFILES_DIR=/contact-sync \
    DBT_TARGET_PATH=/data/target \
    DBT_LOG_PATH=/data/logs \
    DBT_SEND_ANONYMOUS_USAGE_STATS=False \
    CONTACT_SYNC_DUCKDB=/data/contact_sync.duckdb \
    CONTACT_SYNC_LANDING=/data/landing
USER 10001
VOLUME /data
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8080') + '/healthz', timeout=4)"]
ENTRYPOINT ["contact-sync"]
CMD ["run", "--host", "0.0.0.0", "--port", "8080"]
