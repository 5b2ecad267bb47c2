/** Addresses in what is proxied: those that mean the pod's own root are led through the proxy (apimachinery's util/proxy). */

export interface ProxyPaths {
  /** What stands before the proxied path: `/api/v1/namespaces/ns/pods/x/proxy`. */
  prefix: string;
  /** Of the page that the address is on. */
  sourceHost: string;
  /** What the client asked for by its Host header. */
  requestHost: string;
}

/** An address as Go's net/url sees it, as far as it matters here. */
const parts = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s;

/** Leaves addresses of other hosts and relative ones as they are. */
export function rewriteUrl(url: string, { prefix, sourceHost, requestHost }: ProxyPaths): string {
  const [, scheme, host = '', path = '', rest = ''] = parts.exec(url) ?? [];
  const isForeign = host !== '' && host !== sourceHost && host !== requestHost;
  if (isForeign || !path.startsWith('/') || (scheme !== undefined && host === '')) return url;
  const origin = host !== '' && host === requestHost ? `${scheme ? `${scheme}:` : ''}//${host}` : '';
  if (path.startsWith(prefix)) return `${origin}${path}${rest}`;
  return `${origin}${joinPath(prefix, path)}${rest}`;
}

/** Go's path.Join, with the trailing slash kept. */
export function joinPath(prefix: string, path: string): string {
  const kept: string[] = [];
  for (const step of `${prefix}/${path}`.split('/')) {
    if (step === '..') kept.pop();
    else if (step !== '' && step !== '.') kept.push(step);
  }
  return `/${kept.join('/')}${path.endsWith('/') && kept.length > 0 ? '/' : ''}`;
}

/** Attributes that hold an address, by element (HTML 4.01, index of attributes; HTML 5). */
const urlAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Elements whose content is text up to their end tag. */
const rawText = /^<(script|style|textarea|title|xmp|iframe|noembed|noframes|plaintext)[\s/>]/i;
/** A start tag, its attributes' values quoted or not. */
const startTag = /^<[A-Za-z](?:"[^"]*"|'[^']*'|[^"'>])*>/;
const attribute = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'=<>`]+)/g;

/** A tag that is longer than this goes on as it is. */
const tagLimitChars = 64 << 10;

/** Rewrites addresses in HTML that comes in pieces; keeps at most one unfinished tag. */
export class HtmlRewriter {
  readonly #rewrite: (url: string) => string;
  #waiting = '';
  /** The end tag that ends the text we are in: `</script`. */
  #textEnd = '';

  constructor(rewrite: (url: string) => string) {
    this.#rewrite = rewrite;
  }

  push(text: string): string {
    this.#waiting += text;
    return this.#advance(false);
  }

  end(): string {
    return this.#advance(true);
  }

  #advance(isEnd: boolean): string {
    let out = '';
    while (this.#waiting !== '') {
      const next = this.#textEnd === '' ? this.#markup(isEnd) : this.#rawText(isEnd);
      if (next === '') break;
      out += next;
    }
    return out;
  }

  /** Text up to a tag, a tag, a comment; '' = more is needed. */
  #markup(isEnd: boolean): string {
    const text = this.#waiting;
    const open = text.indexOf('<');
    if (open !== 0) return this.#take(open < 0 ? text.length : open);
    if ('<!--'.startsWith(text.slice(0, 4)) && (text.length >= 4 || !isEnd)) {
      const close = text.length >= 4 ? text.indexOf('-->', 4) : -1;
      return close >= 0 ? this.#take(close + 3) : this.#unfinished(isEnd);
    }
    if (text.length > 1 && !/[A-Za-z]/.test(text[1]!)) return this.#take(1);
    const tag = startTag.exec(text)?.[0];
    if (tag === undefined) return this.#unfinished(isEnd);
    this.#take(tag.length);
    const raw = tag.endsWith('/>') ? undefined : rawText.exec(tag);
    if (raw) this.#textEnd = `</${raw[1]!.toLowerCase()}`;
    return this.#rewriteTag(tag);
  }

  #rawText(isEnd: boolean): string {
    const end = this.#waiting.toLowerCase().indexOf(this.#textEnd);
    if (end >= 0) {
      const length = end + this.#textEnd.length;
      this.#textEnd = '';
      return this.#take(length);
    }
    return this.#take(isEnd ? this.#waiting.length : Math.max(0, this.#waiting.length - this.#textEnd.length + 1));
  }

  #unfinished(isEnd: boolean): string {
    return isEnd || this.#waiting.length > tagLimitChars ? this.#take(this.#waiting.length) : '';
  }

  #take(length: number): string {
    const taken = this.#waiting.slice(0, length);
    this.#waiting = this.#waiting.slice(length);
    return taken;
  }

  #rewriteTag(tag: string): string {
    const name = /^<([A-Za-z0-9]+)/.exec(tag)?.[1]?.toLowerCase() ?? '';
    const wanted = Object.hasOwn(urlAttributes, name) ? urlAttributes[name]! : [];
    if (wanted.length === 0) return tag;
    return tag.replace(attribute, (whole, key: string, equals: string, value: string) => {
      if (!wanted.includes(key.toLowerCase())) return whole;
      const quote = /^["']/.test(value) ? value[0]! : '';
      const url = quote ? value.slice(1, -1) : value;
      const next = this.#rewrite(url.replaceAll('&amp;', '&'));
      return next === url.replaceAll('&amp;', '&')
        ? whole
        : `${key}${equals}${quote || '"'}${escaped(next)}${quote || '"'}`;
    });
  }
}

const escaped = (url: string): string => url.replaceAll('&', '&amp;').replaceAll('"', '&#34;').replaceAll("'", '&#39;');
