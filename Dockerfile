# The image of every Millrace process: `millrace controller`, `ingress`, `dispatcher` ... are its arguments.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install scripts: the one that matters brings Node, which is here already.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
# Types and source maps of packages are half of their files, and nothing reads them at run time.
RUN npm run build && npm prune --omit=dev --ignore-scripts && \
    find node_modules '(' -name '*.d.[cm]ts' -o -name '*.d.ts' -o -name '*.map' ')' -delete && \
    rm -rf node_modules/.package-lock.json node_modules/.cache

# The whole image in one folder: Node, the libraries it is linked with, what the C library reads to look up names, and us. No shell, no
# package manager. Every file is as old as SOURCE_DATE_EPOCH says, so that the same sources give the same layer.
ARG SOURCE_DATE_EPOCH=0
COPY LICENSE /app/
RUN mkdir -p /image/app /image/etc /image/tmp /image/usr/local/bin && chmod 1777 /image/tmp && \
    cp /usr/local/bin/node /image/usr/local/bin/ && \
    ldd /usr/local/bin/node | grep -oE '/[^ ]+' | xargs -I{} cp --parents --dereference {} /image/ && \
    cp /etc/nsswitch.conf /image/etc/ && \
    echo 'millrace:x:65532:65532::/tmp:/usr/sbin/nologin' >/image/etc/passwd && echo 'millrace:x:65532:' >/image/etc/group && \
    cp -r LICENSE package.json node_modules dist /image/app/ && \
    find /image -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM scratch
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="The Knative Eventing API on Apache Kafka" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
# One arena of the C library: each thread of V8 would get its own and keep what it once took, some 8 MB.
ENV PATH=/usr/local/bin NODE_ENV=production MALLOC_ARENA_MAX=1
WORKDIR /app
# A number, so that Kubernetes can verify runAsNonRoot.
USER 65532:65532
# A small young generation keeps an idle worker under 120 MB; it costs a tenth of the throughput of one delivery (bench/).
ENTRYPOINT ["node", "--max-semi-space-size=4", "dist/main.js"]
