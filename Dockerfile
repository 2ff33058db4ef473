# A Starling relay that also serves the app.
#
#   docker build -t starling .
#   docker run -p 8787:8787/tcp -p 8787:8787/udp -v starling:/data starling
#
# Settings are environment variables: `docker run starling --help` lists them. With `-e STARLING_STORE=postgres://…`
# several containers keep mailboxes together; each still has a /data of its own.

FROM node:24-bookworm-slim AS build
WORKDIR /starling
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-bookworm-slim
WORKDIR /starling
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8787 STARLING_DATA=/data
COPY --from=build /starling/package.json ./
COPY --from=build /starling/node_modules node_modules
COPY --from=build /starling/dist dist
COPY --from=build /starling/peer-node peer-node
COPY --from=build /starling/src/lib src/lib
COPY --from=build /starling/relay-node relay-node
RUN mkdir /data && chown node /data
USER node
VOLUME /data
EXPOSE 8787/tcp 8787/udp
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s CMD \
  ["node", "relay-node/src/healthcheck.ts"]
ENTRYPOINT ["node", "relay-node/src/main.ts"]
