/**
 * The program that holds a pod's namespaces: it sleeps, takes in children that were left behind (as process 1 of a
 * shared process namespace it inherits them), and ends on SIGINT and SIGTERM. The three signals stay blocked and are
 * waited for, so that the kernel delivers them to process 1 although there is no handler.
 *
 *   rt_sigprocmask(SIG_BLOCK, {INT, TERM, CHLD})
 *   for (;;) {
 *     signal = rt_sigtimedwait({INT, TERM, CHLD})
 *     if (signal == CHLD) { while (wait4(-1, 0, WNOHANG, 0) > 0); continue }
 *     if (signal > 0) exit_group(0)
 *   }
 */
import { arm, assemble, elf, type Line, x86 } from './machine-code.ts';
import type { Architecture, Image } from './oci.ts';

/** What a sandbox image is asked for by: containerd's and CRI-O's defaults, and the tests' of Kubernetes. */
export const pauseNames = ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10.2'] as const;

/** The sandbox image: one file. */
export function pauseImage(architecture: Architecture): Image {
  return {
    names: pauseNames,
    architecture,
    config: { User: '65535:65535', Entrypoint: ['/pause'], WorkingDir: '/', Env: ['PATH=/'] },
    layers: [[{ type: 'file', path: 'pause', mode: 0o755, content: pauseProgram(architecture) }]],
  };
}

export const pauseProgram = (architecture: Architecture): Uint8Array =>
  elf(architecture, assemble(architecture === 'amd64' ? amd64() : arm64()));

// Bits 1, 14 and 16: SIGINT 2, SIGTERM 15, SIGCHLD 17.
const signalSet = 0x1_4002;
const sigchld = 17;

function amd64(): Line[] {
  const { bytes, jump } = x86;
  const setBytes = [signalSet & 0xff, (signalSet >> 8) & 0xff, (signalSet >> 16) & 0xff, 0];
  return [
    bytes(0x68, ...setBytes), //                     push signalSet
    bytes(0x48, 0x89, 0xe3), //                      mov  rbx, rsp
    bytes(0x31, 0xff), //                            xor  edi, edi       SIG_BLOCK
    bytes(0x48, 0x89, 0xde), //                      mov  rsi, rbx
    bytes(0x31, 0xd2), //                            xor  edx, edx
    bytes(0x6a, 0x08, 0x41, 0x5a), //                push 8; pop r10     size of the set
    bytes(0x6a, 0x0e, 0x58), //                      push 14; pop rax    rt_sigprocmask
    bytes(0x0f, 0x05), //                            syscall
    'wait',
    bytes(0x48, 0x89, 0xdf), //                      mov  rdi, rbx
    bytes(0x31, 0xf6), //                            xor  esi, esi
    bytes(0x31, 0xd2), //                            xor  edx, edx
    bytes(0x6a, 0x08, 0x41, 0x5a), //                push 8; pop r10
    bytes(0xb8, 0x80, 0x00, 0x00, 0x00), //          mov  eax, 128       rt_sigtimedwait
    bytes(0x0f, 0x05), //                            syscall
    bytes(0x83, 0xf8, sigchld), //                   cmp  eax, SIGCHLD
    jump(0x74, 'reap'), //                           je   reap
    bytes(0x85, 0xc0), //                            test eax, eax
    jump(0x78, 'wait'), //                           js   wait           interrupted
    bytes(0x31, 0xff), //                            xor  edi, edi
    bytes(0xb8, 0xe7, 0x00, 0x00, 0x00), //          mov  eax, 231       exit_group
    bytes(0x0f, 0x05), //                            syscall
    'reap',
    bytes(0x6a, 0xff, 0x5f), //                      push -1; pop rdi
    bytes(0x31, 0xf6), //                            xor  esi, esi
    bytes(0x6a, 0x01, 0x5a), //                      push 1; pop rdx     WNOHANG
    bytes(0x4d, 0x31, 0xd2), //                      xor  r10, r10
    bytes(0x6a, 0x3d, 0x58), //                      push 61; pop rax    wait4
    bytes(0x0f, 0x05), //                            syscall
    bytes(0x85, 0xc0), //                            test eax, eax
    jump(0x7f, 'reap'), //                           jg   reap
    jump(0xeb, 'wait'), //                           jmp  wait
  ];
}

function arm64(): Line[] {
  const { word, move, systemCall, branch, branchIf } = arm;
  const [equal, less, greater] = [0, 11, 12];
  return [
    move(0, signalSet & 0xffff), //                  movz x0, #0x4002
    word(0xf2a0_0000 | ((signalSet >> 16) << 5)), // movk x0, #1, lsl 16
    word(0xf81f_0fe0), //                            str  x0, [sp, #-16]!
    move(0, 0), //                                   SIG_BLOCK
    word(0x9100_03e1), //                            mov  x1, sp
    move(2, 0),
    move(3, 8), //                                   size of the set
    move(8, 135), //                                 rt_sigprocmask
    systemCall(),
    'wait',
    word(0x9100_03e0), //                            mov  x0, sp
    move(1, 0),
    move(2, 0),
    move(3, 8),
    move(8, 137), //                                 rt_sigtimedwait
    systemCall(),
    word(0x7100_001f | (sigchld << 10)), //          cmp  w0, SIGCHLD
    branchIf(equal, 'reap'),
    word(0x7100_001f), //                            cmp  w0, #0
    branchIf(less, 'wait'), //                       interrupted
    move(0, 0),
    move(8, 94), //                                  exit_group
    systemCall(),
    'reap',
    word(0x9280_0000), //                            movn x0, #0 (-1)
    move(1, 0),
    move(2, 1), //                                   WNOHANG
    move(3, 0),
    move(8, 260), //                                 wait4
    systemCall(),
    word(0x7100_001f), //                            cmp  w0, #0
    branchIf(greater, 'reap'),
    branch('wait'),
  ];
}
