/** What a name stands for; undefined when nothing. */
export type Lookup = (name: string) => string | undefined;

/**
 * Replaces `$(NAME)` by what NAME stands for. A name that stands for nothing stays as it is written, `$$` is a dollar
 * sign, and so is a `$` that begins nothing. The syntax of commands, arguments and variables:
 * third_party/forked/golang/expansion.
 */
export function expand(text: string, lookup: Lookup): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? whole),
  );
}
