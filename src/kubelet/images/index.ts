/** Images: pulled for pods by policy, built and imported without any tool but the runtime's own. */
export { ensurePauseImage, ImageImportError, importImage } from './import.ts';
export { assemble, arm, elf, type Jump, type Line, x86 } from './machine-code.ts';
export { createImageManager } from './manager.ts';
export { type Architecture, type Image, ownArchitecture, writeImage, writeImages } from './oci.ts';
export { pauseImage, pauseNames } from './pause.ts';
export type { TarEntry } from './tar.ts';
