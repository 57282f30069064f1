import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Port: answers `GET /lineage` and what is below it. Asked only for who may see events; a HEAD comes as a GET does. It answers each request, with 404 where there
 * is nothing, now or later. Must not throw.
 */
export type LineageAnswers = (request: IncomingMessage, response: ServerResponse, url: URL) => void
