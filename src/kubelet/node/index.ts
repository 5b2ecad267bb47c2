/** This machine as a Node: registration, status, lease. */
export { type Machine, readMachine } from './machine.ts';
export { type MachineReader, type NodeHandle, type NodeOptions, startNode } from './node.ts';
