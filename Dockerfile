# Two stages: SQLite needs a C compiler, the hub does not.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -tags sqlite_fts5 -trimpath -ldflags '-s -w' -o /heimpost ./cmd/heimpost \
 && mkdir -p /data

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin heimpost
COPY --from=build /heimpost /usr/local/bin/heimpost
COPY --from=build --chown=heimpost:heimpost /data /data
# Listening on all addresses, with TLS; copied into an empty data folder.
COPY scripts/docker/heimpost.toml scripts/docker/start /usr/local/share/heimpost/
USER heimpost
ENV HEIMPOST_DATA=/data
VOLUME /data
EXPOSE 1143 1993 8143
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["heimpost", "status", "--json"]
ENTRYPOINT ["/usr/local/share/heimpost/start"]
CMD ["serve"]
