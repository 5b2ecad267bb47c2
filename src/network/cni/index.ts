export { bridgeName, conflist, removeCni, writeConflist } from './conflist.ts';
