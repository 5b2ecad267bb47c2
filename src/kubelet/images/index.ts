/** Images: pulled for pods by policy, built and imported without any tool but the runtime's own. */
export { findRuntimeSocket, type RuntimeWish } from './find-runtime.ts';
export { ensurePauseImage, ImageImportError, importImage, type PauseOptions } from './import.ts';
export { assemble, arm, elf, type Jump, type Line, x86 } from './machine-code.ts';
export { createImageManager } from './manager.ts';
export {
  type Architecture,
  type Image,
  type ImageConfig,
  ownArchitecture,
  type WrittenImage,
  writeImage,
  writeImages,
} from './oci.ts';
export { pauseImage, pauseNames, pauseProgram } from './pause.ts';
export { type ImageReference, parseReference, ImageNameError, withDefaultTag } from './reference.ts';
export type { FileContent, TarEntry } from './tar.ts';
