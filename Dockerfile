# syntax=docker/dockerfile:1

# lastunit alone, as a user who may write to /data only; no shell, no package manager.

FROM rust:1.94-bookworm AS build
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin lastunit && \
    cp target/release/lastunit /lastunit && \
    mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /lastunit /usr/local/bin/lastunit
COPY --from=build --chown=nonroot:nonroot /data /data
ENV LASTUNIT_DATA_DIR=/data
ENV LASTUNIT_SERVER__LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
USER nonroot
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/lastunit", "health"]
ENTRYPOINT ["/usr/local/bin/lastunit"]
CMD ["serve"]
