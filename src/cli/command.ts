/** A command line that cannot be carried out. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export const usage = `nanoshift: a Kubernetes node with its own control plane

usage: nanoshift COMMAND [flags]

  run           run the node until SIGINT or SIGTERM; its pods go on
  images        list the node's images, or import archives of images
                                                  list | import FILE…
  cleanup       take down pods, containerd and network; the cluster's data stays
                                                  [--cert | --all [--keep-images]]
  version       print the version                 [-o yaml|json]
  show-config   print the configuration           [-m effective|default]
  help          print this text

flags of run, images, cleanup and show-config:
  --config FILE       read FILE instead of /etc/microshift/config.yaml and config.d
  --data-dir DIR      keep everything in DIR instead of /var/lib/microshift
  --profile BOARD     use this hardware profile (a name, or a file: ./my-board.yaml) instead of recognising the board`;
