/** A strategic merge patch in a form that cannot be merged, and how upstream answers it. */
export class PatchFormatError extends Error {
  readonly answer: 'badRequest' | 'unprocessable' | 'serverError';

  constructor(message: string, answer: PatchFormatError['answer'] = 'serverError') {
    super(message);
    this.answer = answer;
  }
}
