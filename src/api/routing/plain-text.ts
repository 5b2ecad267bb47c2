/** Answers outside the API machinery: plain text, as Go's http.Error writes it. */
import type { Exchange } from '../exchange.ts';
import type { Headers } from '../http/types.ts';

export function sendText(exchange: Exchange, status: number, text: string, extra: Headers = []): void {
  exchange.send(status, 'text/plain; charset=utf-8', `${text}\n`, [['X-Content-Type-Options', 'nosniff'], ...extra]);
}

export const sendNotFound = (exchange: Exchange): void => sendText(exchange, 404, '404 page not found');
