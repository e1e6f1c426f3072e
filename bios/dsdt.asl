// Differentiated system description of the PC: what ACPI operating systems cannot find out by themselves.
// ACPI 1.0b, chapters 5 and 6. ACPI-1.0 constructs only, so that Windows 98 and 2000 can read it.
DefinitionBlock ("dsdt.aml", "DSDT", 1, "R86   ", "REWIND86", 1)
{
    // Patched when the tables are made: the first address that PCI memory may use.
    Name (MEMS, 0xE0000000)

    Scope (\_PR)
    {
        Processor (CPU0, 0, 0, 0) {}
    }

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)

            Name (CRES, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xFF, 0, 0x100)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xE0000000, 0xFEBFFFFF, 0, 0x1EC00000, , , PMEM)
            })
            Method (_CRS, 0)
            {
                CreateDWordField (CRES, \_SB.PCI0.PMEM._MIN, PMIN)
                CreateDWordField (CRES, \_SB.PCI0.PMEM._MAX, PMAX)
                CreateDWordField (CRES, \_SB.PCI0.PMEM._LEN, PLEN)
                Store (MEMS, PMIN)
                Subtract (PMAX, MEMS, PLEN)
                Increment (PLEN)
                Return (CRES)
            }

            // INTA# of slot n goes to link (n - 1) mod 4; further pins to the following links.
            Name (_PRT, Package ()
            {
                Package () { 0x0001FFFF, 0, LNKA, 0 }, Package () { 0x0001FFFF, 1, LNKB, 0 },
                Package () { 0x0001FFFF, 2, LNKC, 0 }, Package () { 0x0001FFFF, 3, LNKD, 0 },
                Package () { 0x0002FFFF, 0, LNKB, 0 }, Package () { 0x0002FFFF, 1, LNKC, 0 },
                Package () { 0x0002FFFF, 2, LNKD, 0 }, Package () { 0x0002FFFF, 3, LNKA, 0 },
                Package () { 0x0003FFFF, 0, LNKC, 0 }, Package () { 0x0003FFFF, 1, LNKD, 0 },
                Package () { 0x0003FFFF, 2, LNKA, 0 }, Package () { 0x0003FFFF, 3, LNKB, 0 },
                Package () { 0x0004FFFF, 0, LNKD, 0 }, Package () { 0x0004FFFF, 1, LNKA, 0 },
                Package () { 0x0004FFFF, 2, LNKB, 0 }, Package () { 0x0004FFFF, 3, LNKC, 0 },
                Package () { 0x0005FFFF, 0, LNKA, 0 }, Package () { 0x0005FFFF, 1, LNKB, 0 },
                Package () { 0x0005FFFF, 2, LNKC, 0 }, Package () { 0x0005FFFF, 3, LNKD, 0 },
                Package () { 0x0006FFFF, 0, LNKB, 0 }, Package () { 0x0006FFFF, 1, LNKC, 0 },
                Package () { 0x0006FFFF, 2, LNKD, 0 }, Package () { 0x0006FFFF, 3, LNKA, 0 },
                Package () { 0x0007FFFF, 0, LNKC, 0 }, Package () { 0x0007FFFF, 1, LNKD, 0 },
                Package () { 0x0007FFFF, 2, LNKA, 0 }, Package () { 0x0007FFFF, 3, LNKB, 0 }
            })

            Device (VGA)
            {
                Name (_ADR, 0x00020000)
            }

            Device (PM)
            {
                Name (_ADR, 0x00010003)
            }

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (P40C, PCI_Config, 0x60, 0x04)

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 0x10, 0x02)
                        IRQNoFlags () { 8 }
                    })
                }
                Device (TIMR)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 0x00, 0x04)
                        IRQNoFlags () { 0 }
                    })
                }
                Device (PIC)
                {
                    Name (_HID, EisaId ("PNP0000"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0020, 0x0020, 0x00, 0x02)
                        IO (Decode16, 0x00A0, 0x00A0, 0x00, 0x02)
                        IO (Decode16, 0x04D0, 0x04D0, 0x00, 0x02)
                        IRQNoFlags () { 2 }
                    })
                }
                Device (DMAC)
                {
                    Name (_HID, EisaId ("PNP0200"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0000, 0x0000, 0x00, 0x10)
                        IO (Decode16, 0x0081, 0x0081, 0x00, 0x0F)
                        IO (Decode16, 0x00C0, 0x00C0, 0x00, 0x20)
                        DMA (Compatibility, NotBusMaster, Transfer8) { 4 }
                    })
                }
                Device (COPR)
                {
                    Name (_HID, EisaId ("PNP0C04"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x00F0, 0x00F0, 0x00, 0x10)
                        IRQNoFlags () { 13 }
                    })
                }
                Device (SPKR)
                {
                    Name (_HID, EisaId ("PNP0800"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0061, 0x0061, 0x00, 0x01)
                    })
                }
                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
                        IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
                        IRQNoFlags () { 1 }
                    })
                }
                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags () { 12 }
                    })
                }
                Device (FDC0)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F2, 0x03F2, 0x00, 0x04)
                        IO (Decode16, 0x03F7, 0x03F7, 0x00, 0x01)
                        IRQNoFlags () { 6 }
                        DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
                    })
                }
                Device (LPT1)
                {
                    Name (_HID, EisaId ("PNP0400"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0378, 0x0378, 0x08, 0x08)
                        IRQNoFlags () { 7 }
                    })
                }
                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03F8, 0x03F8, 0x00, 0x08)
                        IRQNoFlags () { 4 }
                    })
                }
                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02F8, 0x02F8, 0x00, 0x08)
                        IRQNoFlags () { 3 }
                    })
                }
                // Ports that belong to the board: port 92h, the SMI command port, the PM registers and the SMBus host.
                Device (SYSR)
                {
                    Name (_HID, EisaId ("PNP0C02"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0092, 0x0092, 0x00, 0x01)
                        IO (Decode16, 0x00B2, 0x00B2, 0x00, 0x02)
                        IO (Decode16, 0x0600, 0x0600, 0x00, 0x40)
                        IO (Decode16, 0x0700, 0x0700, 0x00, 0x10)
                    })
                }
            }
        }

        // PIRQ routing, PIIX configuration registers 60h-63h.
        Field (\_SB.PCI0.ISA.P40C, ByteAcc, NoLock, Preserve)
        {
            PRQ0, 8, PRQ1, 8, PRQ2, 8, PRQ3, 8
        }
        // The bridge inverts the PIRQ pins, so that 8259A and I/O APIC see active high levels; the small IRQ descriptor
        // cannot say that.
        Name (CURR, ResourceTemplate ()
        {
            Interrupt (, Level, ActiveHigh, Shared) { 5 }
        })
        Method (ISTA, 1)
        {
            If (And (Arg0, 0x80)) { Return (0x09) }
            Return (0x0B)
        }
        Method (ICRS, 1)
        {
            CreateDWordField (CURR, 5, IRQN)
            If (And (Arg0, 0x80)) { Store (0, IRQN) }
            Else { Store (And (Arg0, 0x0F), IRQN) }
            Return (CURR)
        }
        Method (ISRS, 1)
        {
            CreateDWordField (Arg0, 5, IRQN)
            Return (IRQN)
        }
        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } })
            Method (_STA, 0) { Return (ISTA (PRQ0)) }
            Method (_DIS, 0) { Or (PRQ0, 0x80, PRQ0) }
            Method (_CRS, 0) { Return (ICRS (PRQ0)) }
            Method (_SRS, 1) { Store (ISRS (Arg0), PRQ0) }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } })
            Method (_STA, 0) { Return (ISTA (PRQ1)) }
            Method (_DIS, 0) { Or (PRQ1, 0x80, PRQ1) }
            Method (_CRS, 0) { Return (ICRS (PRQ1)) }
            Method (_SRS, 1) { Store (ISRS (Arg0), PRQ1) }
        }
        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } })
            Method (_STA, 0) { Return (ISTA (PRQ2)) }
            Method (_DIS, 0) { Or (PRQ2, 0x80, PRQ2) }
            Method (_CRS, 0) { Return (ICRS (PRQ2)) }
            Method (_SRS, 1) { Store (ISRS (Arg0), PRQ2) }
        }
        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Name (_PRS, ResourceTemplate () { Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } })
            Method (_STA, 0) { Return (ISTA (PRQ3)) }
            Method (_DIS, 0) { Or (PRQ3, 0x80, PRQ3) }
            Method (_CRS, 0) { Return (ICRS (PRQ3)) }
            Method (_SRS, 1) { Store (ISRS (Arg0), PRQ3) }
        }
    }

    // Soft off: SUS_TYP 0 in PMCNTRL.
    Name (\_S5, Package () { 0, 0, 0, 0 })
}
