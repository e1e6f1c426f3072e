#pragma once
/// The GDB server: the machine waits for a debugger, which runs it forwards and backwards. `monitor WORD` takes the
/// words of session scripts that look or travel. Nothing in the guest changes through breakpoints.
/// NOT IMPLEMENTED: unix sockets, catchpoints of ports and exceptions (the words last-out and exception serve),
/// stepping over interrupts, writing x87 registers.
#include "frontend/gdb/connection.h"
#include "frontend/session.h"
#include "machine/probe.h"

namespace r86::gdb {

/// Throws UserError.
u16 parse_port(const std::string& text);

class Server {
public:
    Server(Session& session, u16 port);
    /// Until the session ends.
    void serve();

private:
    struct Watch {
        char kind; ///< '2' write, '3' read, '4' both
        u64 address;
        u64 length;
    };
    bool handle(const std::string& packet); ///< false: detached
    void query(const std::string& packet);
    void monitor(const std::string& line);
    void read_memory(const std::string& arguments);
    void write_memory(const std::string& arguments);
    void read_registers();
    void write_register(const std::string& arguments);
    bool point(const std::string& packet);
    Probe::What what(std::vector<const Watch*>& of_range) const;
    void resume();
    void step();
    void reverse_resume();
    void reverse_step();
    void stopped(const std::string& more = "");
    std::string watch_text(const std::optional<Probe::Hit>& hit, const std::vector<const Watch*>& of_range) const;

    Session& session_;
    Machine& machine_;
    Connection connection_;
    std::vector<u64> breakpoints_;
    std::vector<Watch> watches_;
};

} // namespace r86::gdb
