# syntax=docker/dockerfile:1
# Millrace as an image: `docker run -v "$PWD:/app" millrace run`. docs/operations.md says more.
# Parsed by a test for its form; it was not built or run here.

FROM node:22-bookworm-slim AS build
WORKDIR /src
# The packages first: they are installed anew only when the list of them changes.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm pack --ignore-scripts --pack-destination /pack

FROM node:22-bookworm-slim AS packages
WORKDIR /opt/millrace
COPY --from=build /pack/ /pack/
RUN npm init --yes >/dev/null && npm install --omit=dev --no-audit --no-fund /pack/millrace-*.tgz rxjs@7

FROM node:22-bookworm-slim
ENV NODE_ENV=production
COPY --from=packages /opt/millrace/ /opt/millrace/
RUN ln -s /opt/millrace/node_modules/millrace/dist/cli/main.js /usr/local/bin/millrace \
  && chmod +x /opt/millrace/node_modules/millrace/dist/cli/main.js \
  && install -d -o node -g node /app
# Where the config, its modules and the quarantine in files are mounted.
WORKDIR /app
USER node
EXPOSE 9464
# Needs `monitoring: { host: '0.0.0.0' }` in the config, or 127.0.0.1. A start may take as long as limits.startTimeoutMs.
HEALTHCHECK --interval=15s --timeout=3s --start-period=45s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/healthz').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Drains: give it longer than limits.stopTimeoutMs (25 s) before it is killed, `docker stop --time 40`.
STOPSIGNAL SIGTERM
# Not through a shell, which would keep the signal to itself.
ENTRYPOINT ["millrace"]
CMD ["run"]
