# One image for every process; the command says which.

# The full image builds: Faust has no wheel for aarch64, and this one carries a C compiler.
FROM python:3.13-trixie AS build
WORKDIR /src
COPY constraints.txt ./
RUN awk '/^[^ ]/ { ours = /^uv==/ } ours' constraints.txt > uv.txt \
    && pip install --no-cache-dir --require-hashes --no-deps -r uv.txt \
    && uv venv /opt/changqing
ENV VIRTUAL_ENV=/opt/changqing \
    UV_NO_CACHE=1 \
    UV_COMPILE_BYTECODE=1

# Packages before code: a change of code alone reuses this layer. The extra `embedded` stays out, servers are outside.
COPY pyproject.toml ./
RUN uv pip install --require-hashes -r pyproject.toml -c constraints.txt

COPY . .
RUN uv build --quiet --wheel --require-hashes --build-constraints constraints.txt \
    && uv pip install --offline --no-deps dist/*.whl

FROM python:3.13-slim-trixie
# The number is fixed, as secret files on the host must be readable by it.
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin changqing
COPY --from=build /opt/changqing /opt/changqing
ENV PATH=/opt/changqing/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
ENTRYPOINT ["changqing"]
CMD ["--help"]
