#pragma once
/// Operand letters, SDM Vol. 2, A.2.1 "Codes for Addressing Method" and A.2.2 "Codes for Operand Type". Where the
/// manual has no letters (registers in the opcode, x87), ours are explained here.
#include "core/types.h"

namespace r86 {

enum class OperandCode : u8 {
    none,
    // clang-format off
    // General register or memory by ModRM.rm
    Eb, Ew, Ed, Ev,
    Ey, ///< 4 bytes, 8 with REX.W
    Ez, ///< 2 bytes with operand size 2, else 4: MOVSXD
    RvMw, ///< operand-size register or 16-bit memory: MOV Ev,Sw; SMSW; SLDT; STR
    RdMw, ///< 32-bit register or 16-bit memory: PINSRW
    // General register by ModRM.reg
    Gb, Gw, Gd, Gv, Gy,
    // General register by ModRM.rm whatever ModRM.mod says: MOV CRn; width 4, in 64-bit mode 8
    Ry,
    // General register by the low three opcode bits
    Zb, Zv,
    // Fixed registers
    AL, CL, DX, AX,
    rAX, ///< by operand size
    eAX, ///< AX or EAX, never RAX: IN, OUT
    rES, rCS, rSS, rDS, rFS, rGS,
    // Immediates
    One,  ///< the constant 1 of the D0/D1 shifts
    Ib,   ///< zero-extended byte
    sIb,  ///< sign-extended byte
    Iw,   ///< zero-extended word
    Ib2,  ///< ENTER's nesting level, behind its Iw
    Iz,   ///< 2 or 4 bytes by operand size, sign-extended
    Iv,   ///< 2, 4 or 8 bytes, zero-extended
    Jb, Jz, Ap,
    // Memory only
    M,    ///< no width: LEA, INVLPG, FXSAVE, x87 environments
    Mb, Mw, Md, Mq, Mdq, My, Mv,
    Mt,   ///< 80-bit real or BCD
    Mp,   ///< far pointer: operand size plus 2 bytes
    Ma,   ///< BOUND's pair
    Ms,   ///< pseudo-descriptor: 6 bytes, 10 in 64-bit mode
    Mqdq, ///< CMPXCHG8B: 8 bytes, 16 with REX.W
    Ob, Ov,
    // Segment, control, debug and test register by ModRM.reg
    Sw, Cd, Dd, Td,
    // String elements: X is DS:rSI (a segment override applies), Y is ES:rDI
    Xb, Xv, Xz, Yb, Yv, Yz, ///< z: 2 or 4 bytes: INS, OUTS
    XlatB,                  ///< DS:[rBX + AL]
    // MMX: P by ModRM.reg, Q by ModRM.rm or memory, N by ModRM.rm, register only
    Pq, Pd, Qq, Qd, Nq,
    // XMM: V by ModRM.reg, W by ModRM.rm or memory, U by ModRM.rm, register only; d, q, w: so many bytes count
    Vdq, Vq, Vd, Wdq, Wq, Wd, Ww, Udq, Uq,
    // x87
    ST0, STi,
    kCount
    // clang-format on
};

} // namespace r86
