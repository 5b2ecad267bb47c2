/** A program that prints `Effective uid: N`. Set-uid root, it shows whether privileges can be gained. */
import { type Architecture, arm, assemble, elf, type Jump, type Line, x86 } from '../../src/kubelet/images/index.ts';

const prefix = 'Effective uid: ';
const digitZero = 0x30;

export const effectiveUidProgram = (architecture: Architecture): Uint8Array =>
  elf(architecture, assemble([...(architecture === 'amd64' ? amd64() : arm64()), 'prefix', Buffer.from(prefix)]));

function amd64(): Line[] {
  const { bytes, jump } = x86;
  return [
    bytes(0xb8, 107, 0, 0, 0), //          mov eax, 107      geteuid
    bytes(0x0f, 0x05), //                  syscall
    bytes(0x89, 0xc3), //                  mov ebx, eax
    bytes(0x48, 0x83, 0xec, 0x20), //      sub rsp, 32
    bytes(0xbf, 1, 0, 0, 0), //            mov edi, 1        standard output
    loadAddress('prefix'), //              lea rsi, prefix
    bytes(0xba, prefix.length, 0, 0, 0), // mov edx, length
    bytes(0xb8, 1, 0, 0, 0), //            mov eax, 1        write
    bytes(0x0f, 0x05), //                  syscall
    bytes(0x89, 0xd8), //                  mov eax, ebx
    bytes(0x48, 0x8d, 0x74, 0x24, 0x1f), // lea rsi, [rsp+31]
    bytes(0xc6, 0x06, 0x0a), //            mov byte [rsi], newline
    bytes(0xb9, 10, 0, 0, 0), //           mov ecx, 10
    'digit',
    bytes(0x31, 0xd2), //                  xor edx, edx
    bytes(0xf7, 0xf1), //                  div ecx
    bytes(0x80, 0xc2, digitZero), //       add dl, '0'
    bytes(0x48, 0xff, 0xce), //            dec rsi
    bytes(0x88, 0x16), //                  mov [rsi], dl
    bytes(0x85, 0xc0), //                  test eax, eax
    jump(0x75, 'digit'), //                jnz digit
    bytes(0x48, 0x8d, 0x54, 0x24, 0x20), // lea rdx, [rsp+32]
    bytes(0x48, 0x29, 0xf2), //            sub rdx, rsi
    bytes(0xbf, 1, 0, 0, 0), //            mov edi, 1
    bytes(0xb8, 1, 0, 0, 0), //            mov eax, 1        write
    bytes(0x0f, 0x05), //                  syscall
    bytes(0x31, 0xff), //                  xor edi, edi
    bytes(0xb8, 0xe7, 0, 0, 0), //         mov eax, 231      exit_group
    bytes(0x0f, 0x05), //                  syscall
  ];
}

/** `lea rsi, [rip + distance]` */
const loadAddress = (to: string): Jump => ({
  to,
  sizeBytes: 7,
  encode(distance) {
    const code = Buffer.from([0x48, 0x8d, 0x35, 0, 0, 0, 0]);
    code.writeInt32LE(distance - 7, 3);
    return code;
  },
});

function arm64(): Line[] {
  const { word, move, systemCall } = arm;
  const adr: Jump = {
    to: 'prefix',
    sizeBytes: 4,
    encode: (distance) => word(0x1000_0001 | ((distance & 3) << 29) | ((distance >> 2) << 5)),
  };
  const whileNotZero: Jump = {
    to: 'digit',
    sizeBytes: 4,
    encode: (distance) => word(0xb500_0000 | (((distance / 4) & 0x7_ffff) << 5)),
  };
  return [
    move(8, 175), //         geteuid
    systemCall(),
    word(0xaa00_03f3), //    mov  x19, x0
    word(0xd100_83ff), //    sub  sp, sp, #32
    move(0, 1), //           standard output
    adr, //                  adr  x1, prefix
    move(2, prefix.length),
    move(8, 64), //          write
    systemCall(),
    word(0xaa13_03e0), //    mov  x0, x19
    word(0x9100_7fe1), //    add  x1, sp, #31
    move(2, 0x0a),
    word(0x3900_0022), //    strb w2, [x1]
    move(3, 10),
    'digit',
    word(0x9ac3_0804), //    udiv x4, x0, x3
    word(0x9b03_8085), //    msub x5, x4, x3, x0
    word(0x9100_00a5 | (digitZero << 10)), // add x5, x5, '0'
    word(0x381f_fc25), //    strb w5, [x1, #-1]!
    word(0xaa04_03e0), //    mov  x0, x4
    whileNotZero, //         cbnz x0, digit
    word(0x9100_83e2), //    add  x2, sp, #32
    word(0xcb01_0042), //    sub  x2, x2, x1
    move(0, 1),
    move(8, 64), //          write
    systemCall(),
    move(0, 0),
    move(8, 94), //          exit_group
    systemCall(),
  ];
}
