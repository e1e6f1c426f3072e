#include "frontend/ports/channel.h"
#include "core/error.h"
#include "frontend/ports/socket_channels.h"
#include "frontend/ports/stdio_channel.h"
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace r86 {

namespace {

class NullChannel final : public Channel {
public:
    void open(Receive, Message) override {}
    void put(u8) override {}
};

class FileChannel final : public Channel {
public:
    explicit FileChannel(std::string path) : path_(std::move(path)) {}
    ~FileChannel() override {
        if (file_) std::fclose(file_);
    }
    void open(Receive, Message) override {
        file_ = std::fopen(path_.c_str(), "wb");
        if (!file_) throw UserError("'" + path_ + "' cannot be written: " + std::strerror(errno));
    }
    void put(u8 byte) override {
        if (file_ && std::fputc(byte, file_) == EOF) fail();
    }
    void flush() override {
        if (file_ && std::fflush(file_)) fail();
    }
    std::optional<std::string> error() const override { return error_; }

private:
    void fail() {
        if (!error_) error_ = "'" + path_ + "' cannot be written: " + std::strerror(errno);
    }
    std::string path_;
    std::FILE* file_ = nullptr;
    std::optional<std::string> error_;
};

bool starts_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

unsigned parse_port(const std::string& text, const std::string& option) {
    unsigned long port = 65536;
    if (!text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string::npos)
        port = std::stoul(text);
    if (port > 65535) throw UserError(option + ": '" + text + "' is no TCP port; give a number from 0 to 65535");
    return static_cast<unsigned>(port);
}

} // namespace

std::unique_ptr<Channel> make_channel(const std::string& specification, const std::string& option, bool serial) {
    if (specification == "null") return std::make_unique<NullChannel>();
    if (specification == "stdio") return std::make_unique<StdioChannel>(serial);
    if (starts_with(specification, "file:") && specification.size() > 5)
        return std::make_unique<FileChannel>(specification.substr(5));
    if (serial && specification == "pty") return std::make_unique<PtyChannel>(option);
    if (serial && starts_with(specification, "tcp:"))
        return std::make_unique<TcpChannel>(parse_port(specification.substr(4), option));
    throw UserError(option + ": '" + specification + "' is unknown; use " +
                    (serial ? "stdio, null, file:PATH, pty or tcp:PORT" : "stdio, null or file:PATH"));
}

} // namespace r86
