# The package as users install it, on a plain Node.
FROM node:24-slim AS build
WORKDIR /src
COPY . .
RUN npm ci && npm pack --pack-destination /tmp

FROM node:24-slim
COPY --from=build /tmp/thalamus-*.tgz /tmp/
RUN npm install --global --omit=dev /tmp/thalamus-*.tgz && rm /tmp/thalamus-*.tgz
USER node
ENTRYPOINT ["thalamus"]
