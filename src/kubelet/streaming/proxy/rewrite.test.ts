import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HtmlRewriter, joinPath, rewriteUrl } from './rewrite.ts';

const paths = { prefix: '/api/v1/x/proxy', sourceHost: '10.0.0.1:80', requestHost: 'api:6443' };

describe('addresses through the proxy', () => {
  for (const [from, to] of [
    ['/foo', '/api/v1/x/proxy/foo'],
    ['/foo/', '/api/v1/x/proxy/foo/'],
    ['/', '/api/v1/x/proxy/'],
    ['/foo?a=/b#c', '/api/v1/x/proxy/foo?a=/b#c'],
    ['foo', 'foo'],
    ['../foo', '../foo'],
    ['', ''],
    ['#top', '#top'],
    ['?a', '?a'],
    ['mailto:x@y', 'mailto:x@y'],
    ['http://elsewhere/foo', 'http://elsewhere/foo'],
    ['//elsewhere/foo', '//elsewhere/foo'],
    ['http://10.0.0.1:80/foo', '/api/v1/x/proxy/foo'],
    ['https://api:6443/foo', 'https://api:6443/api/v1/x/proxy/foo'],
    ['/api/v1/x/proxy/foo', '/api/v1/x/proxy/foo'],
  ] as const) {
    test(from || 'none', () => assert.equal(rewriteUrl(from, paths), to));
  }

  test('paths are joined as Go joins them', () => {
    assert.equal(joinPath('/a/b', '/c/../d/'), '/a/b/d/');
    assert.equal(joinPath('', '/'), '/');
  });
});

const rewrite = (html: string, pieceChars = html.length || 1): string => {
  const rewriter = new HtmlRewriter((url) => rewriteUrl(url, paths));
  let out = '';
  for (let at = 0; at < html.length; at += pieceChars) out += rewriter.push(html.slice(at, at + pieceChars));
  return out + rewriter.end();
};

describe('pages through the proxy', () => {
  for (const [what, from, to] of [
    ['a link', '<a href="/r">x</a>', '<a href="/api/v1/x/proxy/r">x</a>'],
    ['any case, any quotes', `<IMG SRC='/r' alt=/n>`, `<IMG SRC='/api/v1/x/proxy/r' alt=/n>`],
    ['no quotes', '<img src=/r>', '<img src="/api/v1/x/proxy/r">'],
    [
      'several attributes',
      '<video poster="/p" src="/s"/>',
      '<video poster="/api/v1/x/proxy/p" src="/api/v1/x/proxy/s"/>',
    ],
    ['a query', '<a href="/r?a=1&amp;b=2">', '<a href="/api/v1/x/proxy/r?a=1&amp;b=2">'],
    ['an attribute of no address', '<div data="/r">', '<div data="/r">'],
    ['a tag in a comment', '<!-- <a href="/r"> -->', '<!-- <a href="/r"> -->'],
    [
      'a tag in a script',
      '<script>x = \'<a href="/r">\'</script><a href="/r">',
      '<script>x = \'<a href="/r">\'</script><a href="/api/v1/x/proxy/r">',
    ],
    ['> in an attribute', '<a title="a>b" href="/r">', '<a title="a>b" href="/api/v1/x/proxy/r">'],
    ['what is no tag', 'a < b <3 </ <!doctype html><', 'a < b <3 </ <!doctype html><'],
    ['an unfinished tag', '<a href="/r', '<a href="/r'],
  ] as const) {
    test(what, () => assert.equal(rewrite(from), to));
  }

  test('are the same however they are cut', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            '<a href="/r">',
            '<script>',
            '</script>',
            '<!--',
            '-->',
            '<',
            '>',
            'text',
            "<img src='/r'/>",
            '"',
            ' ',
            '<title>',
            '</title>',
            'é',
          ),
          { maxLength: 20 },
        ),
        fc.integer({ min: 1, max: 9 }),
        (pieces, pieceChars) => assert.equal(rewrite(pieces.join(''), pieceChars), rewrite(pieces.join(''))),
      ),
    ));
});
